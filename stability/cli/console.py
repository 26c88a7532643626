"""Text for people on the command line: tables with three significant digits."""

import sys
from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from stability.text import digits, spelled

if TYPE_CHECKING:
    from stability.reproduction.claim import Claim

# columns of the readable report
REPORT_WIDTH = 80


def claims_text(model: str, claims: "Sequence[Claim]") -> str:
    """The claims and their measurements on a model, a paragraph for each quantity."""
    lines = [model]
    for claim in claims:
        lines += ["", claim.quantity]
        parts = (
            ("measured", claim.value),
            ("source", claim.source),
            ("setting", claim.setting),
        )
        for label, text in parts:
            if text:
                lines += wrap(
                    text, REPORT_WIDTH, initial_indent=f"  {label:<10}", subsequent_indent=" " * 12
                )
    return "\n".join(lines)


def readable(report: dict[str, Any]) -> str:
    """The report of `analyze` as a table: three significant digits, lines up to `REPORT_WIDTH`."""
    model, spectrum, argmax = report["model"], report["spectrum"], report["argmax"]
    direction, token = report["direction"], report["tokens"][report["position"]]
    lines = [
        *wrap(
            f"{model['name']} ({model['revision']})",
            REPORT_WIDTH,
            initial_indent="model      ",
            subsequent_indent=" " * 11,
        ),
        f"after      position {report['position']}, {spelled(token['text'])}",
        f"next       entropy {digits(report['entropy'])} nats, probability "
        f"{digits(argmax['probability'])} of {spelled(argmax['text'])}",
        f"vector     site {report['site']}, length {digits(report['norm'])}",
        f"H          trace {_number(spectrum['trace'])}, token constraint bound "
        f"{_number(report['token_constraint_bound'])}",
        f"direction  curvature {digits(direction['curvature'])}, {direction['label']}",
        *(
            line
            for warning in direction.get("warnings", ())
            for line in wrap(
                warning, REPORT_WIDTH, initial_indent=" " * 11, subsequent_indent=" " * 11
            )
        ),
        "",
        *_radii(report),
        *_notes(report),
        "",
        *_flips(report),
        "",
        "Epsilon is in nats, lengths are in the vector's own coordinates.",
        *(_CERTIFIED if report["certified_ball"] else _NOT_CERTIFIED),
    ]
    return "\n".join(fitted(line) for line in lines)


_NOT_CERTIFIED = (
    "Nothing is certified here: that needs curvature, and logits linear in the",
    "vector.",
)
_CERTIFIED = (
    "Certified: the divergence is below epsilon up to `inner`, and above it from",
    "`outer` on; up to `ball` it is below epsilon in every direction.",
)


def _radii(report: dict[str, Any]) -> Iterator[str]:
    """A row for each epsilon and side: predicted, actual and certified radii."""
    columns = ("epsilon", "side", "predicted", "actual", "inner", "outer", "ball")
    yield "".join(f"{column:>11}" for column in columns)
    balls = report["certified_ball"] or [{"radius": None} for _ in report["radii"]]
    for row, ball in zip(report["radii"], balls, strict=True):
        certified = row["certified"] or {"minus": (None, None), "plus": (None, None)}
        for side, actual in row["actual"].items():
            bounds = map(_number, (*certified[side], ball["radius"]))
            kind = row["kind"][side]
            absent = "unresolved" if kind == "unresolved" else "unreached"
            reached = absent if actual is None else _number(actual) + "*" * (kind == "jump")
            cells = (f"{row['epsilon']:g}", side, _number(row["predicted"]), reached, *bounds)
            yield "".join(f"{cell:>11}" for cell in cells)


def _notes(report: dict[str, Any]) -> Iterator[str]:
    """What the marks among the actual radii mean, for those that are there."""
    kinds = {kind for row in report["radii"] for kind in row["kind"].values()}
    if "unresolved" in kinds:
        yield f"Unresolved: rounding hides boundaries below epsilon {report['resolution']:.2g}."
    if "jump" in kinds:
        yield "*: the divergence jumps over epsilon there."


def _flips(report: dict[str, Any]) -> Iterator[str]:
    """A row for each change of the most likely token, the nearest over all directions last."""
    yield f"{'side':>22}{'distance':>11}  most likely token from there"
    nearest = report["nearest_flip"]
    for side, flips in {**report["flips"], **({"any": [nearest]} if nearest else {})}.items():
        for flip in flips:
            yield f"{side:>22}{_number(flip['distance']):>11}  {spelled(flip['text'])}"
        if not flips:
            yield f"{side:>22}{'never':>11}"


def _number(value: float | None) -> str:
    return "-" if value is None else digits(value)


def fitted(line: str) -> str:
    """A line in the characters that standard output has, cut with "..." where it is too wide."""
    from rich.cells import cell_len, set_cell_size

    line = encodable(line)
    return line if cell_len(line) <= REPORT_WIDTH else set_cell_size(line, REPORT_WIDTH - 3) + "..."


def encodable(line: str) -> str:
    """A line in the characters that standard output has, others as their escapes."""
    # a StringIO in place of standard output has no encoding
    encoding = sys.stdout.encoding or "utf-8"
    return line.encode(encoding, "backslashreplace").decode(encoding)
