"""Text for people on the command line: tables with three significant digits, and progress."""

import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from textwrap import wrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stability.reproduction.claim import Claim

# columns of the readable report
REPORT_WIDTH = 80
# seconds between the lines of a log
LOG_INTERVAL = 30.0

Report = Callable[[int, int], None]


@contextmanager
def progress(title: str) -> Iterator[Report]:
    """Show counts as a bar with rate and time left on standard error; in a log, as lines."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn(title),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    watched = sys.stderr.isatty()
    log, pace = Log(title), Pace()
    with Progress(*columns, console=Console(stderr=True), disable=not watched) as bar:
        task = bar.add_task(title, total=None, rate="")

        def report(done: int, of: int) -> None:
            rate = pace.rate(done)
            bar.update(task, completed=done, total=of, rate=_rate_text(rate))
            if not watched:
                log.report(done, of, rate)

        yield report


class Pace:
    """The rate at which a count has grown since it was first reported."""

    def __init__(self) -> None:
        self._began, self._first = time.monotonic(), -1

    def rate(self, done: int) -> float:
        """Counts a second; 0 until there are more than at first."""
        self._first = done if self._first < 0 else self._first
        # some clocks stand still for long
        return (done - self._first) / max(time.monotonic() - self._began, 1e-9)


class Log:
    """Lines on standard error, no more than one in `LOG_INTERVAL` but for the last."""

    def __init__(self, title: str) -> None:
        self._title, self._last = title, -math.inf

    def report(self, done: int, of: int, rate: float) -> None:
        """Print a line if it is time for one."""
        now = time.monotonic()
        if now - self._last < LOG_INTERVAL and done < of:
            return
        self._last = now
        left = f", {_rate_text(rate)}, about {(of - done) / rate:.0f} s left" if rate else ""
        print(f"{self._title} {done} of {of}{left}", file=sys.stderr, flush=True)


def _rate_text(rate: float) -> str:
    return f"{rate:.2g} a second" if rate else ""


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
        f"after      position {report['position']}, {token['text']!r}",
        f"next       entropy {report['entropy']:.3g} nats, probability "
        f"{argmax['probability']:.3g} of {argmax['text']!r}",
        f"vector     site {report['site']}, length {report['norm']:.3g}",
        f"H          trace {_number(spectrum['trace'])}, token constraint bound "
        f"{_number(report['token_constraint_bound'])}",
        f"direction  curvature {direction['curvature']:.3g}, {direction['label']}",
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
            yield f"{side:>22}{_number(flip['distance']):>11}  {flip['text']!r}"
        if not flips:
            yield f"{side:>22}{'never':>11}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def fitted(line: str) -> str:
    """A line in the characters that standard output has, cut with "..." where it is too wide."""
    from rich.cells import cell_len, set_cell_size

    # a StringIO in place of standard output has no encoding
    encoding = sys.stdout.encoding or "utf-8"
    line = line.encode(encoding, "backslashreplace").decode(encoding)
    return line if cell_len(line) <= REPORT_WIDTH else set_cell_size(line, REPORT_WIDTH - 3) + "..."
