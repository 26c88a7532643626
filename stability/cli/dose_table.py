"""The report of `dose` as tables of 80 columns."""

from collections.abc import Iterator, Sequence
from itertools import chain
from textwrap import wrap
from typing import Any

from rich.cells import cell_len

from stability.cli.console import REPORT_WIDTH, fitted
from stability.exact.boundaries import NOT_REACHED, UNRESOLVED
from stability.steering.crossings.budget import SIDES, UNDEFINED
from stability.text import counted, in_nats, spelled

MOST_TOKENS = 12  # of a prompt
MOST_PRICES = 3  # on either side
LONGEST_TOKEN, LONGEST_PRICE = 16, 25  # characters
GAP = 2  # columns between cells


def readable(report: dict[str, Any]) -> str:
    """The report of `dose` as tables."""
    vector, model = report["vector"], report["model"]
    sites = vector["site"].replace(",", ", ")
    lines = [
        *_wrapped("model", f"{model['name']} ({model['revision']}), {model['dtype']}"),
        *_wrapped("vector", f"{vector['file']}, {vector['format']}"),
        *_wrapped(
            "applied",
            f"{vector['mode']} at {sites}, positions {report['positions']}; length "
            f"{vector['norm']:.3g}",
        ),
        "",
        *_budgets(report),
    ]
    for prompt in report["prompts"]:
        lines += ["", f"{prompt['prompt']!r}", *_tokens(prompt["tokens"], report["limit"])]
        lines += ["", *_prices(prompt["prices"])]
    if "layers" in report:
        lines += ["", *_layer_lines(report)]
    return "\n".join(map(fitted, [*lines, "", *_notes(report)]))


def _wrapped(name: str, text: str) -> list[str]:
    return wrap(text, REPORT_WIDTH, initial_indent=f"{name:<11}", subsequent_indent=" " * 11)


def _budgets(report: dict[str, Any]) -> Iterator[str]:
    limit, rows = report["limit"], report["budgets"]
    names = ["epsilon  tokens", *(f"{row['epsilon']:g}  {row['statistic']:>6}" for row in rows)]
    columns = [
        ["predicted", *map(_predicted, rows)],
        *([side, *(_budget(row, side, limit) for row in rows)] for side in SIDES),
    ]
    yield from _beside(names, columns)


def _predicted(row: dict[str, Any]) -> str:
    return "none" if UNDEFINED in row["kind"].values() else _number(row["predicted"])


def _budget(row: dict[str, Any], side: str, limit: float) -> str:
    """A side of a budget with its interval, of which an end may be beyond the limit."""
    dose, interval = _side(row, side, limit), row["interval"][side]
    if row[side] is None or interval is None:
        return dose
    low, high = (f">{limit:.3g}" if end is None else _number(end) for end in interval)
    return f"{dose} [{low}, {high}]"


def _side(row: dict[str, Any], side: str, limit: float) -> str:
    """A side's dose, or why there is none."""
    if row[side] is not None:
        return _number(row[side])
    return {NOT_REACHED: f">{limit:.3g}", UNRESOLVED: "hidden"}.get(row["kind"][side], "none")


def _tokens(tokens: list[dict[str, Any]], limit: float) -> Iterator[str]:
    """The doses of the last tokens, a column for each `ε`."""
    shown = tokens[-MOST_TOKENS:]
    names = ["token", *(spelled(token["text"], LONGEST_TOKEN) for token in shown)]
    columns = [
        [in_nats(f"{dose['epsilon']:g}"), *(_doses(token["doses"][i], limit) for token in shown)]
        for i, dose in enumerate(tokens[0]["doses"])
    ]
    yield from _beside(names, columns)
    if len(tokens) > MOST_TOKENS:
        yield f"{counted(len(tokens) - MOST_TOKENS, 'earlier token')} in --json"


def _doses(dose: dict[str, Any], limit: float) -> str:
    minus, plus = (_side(dose, side, limit) for side in SIDES)
    return f"{_number(dose['predicted'])} ({minus}, {plus})"


def _prices(prices: dict[str, Any]) -> Iterator[str]:
    """The cheapest tokens on either side, and those that truly take over."""
    rows = [("", "after the last token, bought first", "at", "nats")]
    for side in SIDES:
        for price in prices[side][:MOST_PRICES]:
            numbers = (_number(price["coefficient"]), _number(price["nats"]))
            rows.append((side, spelled(price["text"], LONGEST_PRICE), *numbers))
        first = prices["first"][side]
        if first:
            token = spelled(first["text"], LONGEST_PRICE)
            rows.append(("truly", token, _number(first["coefficient"]), ""))
    yield from _table(rows)


def _layer_lines(report: dict[str, Any]) -> Iterator[str]:
    """The predicted doses after each block: the mean over tokens at every `ε`."""
    names = ["mean, after", *(layer["site"] for layer in report["layers"])]
    means = _layer_means(report)
    epsilons = dict.fromkeys(row["epsilon"] for row in report["budgets"])
    columns = [
        [in_nats(f"{epsilon:g}"), *(each[i] for each in means)]
        for i, epsilon in enumerate(epsilons)
    ]
    yield from _beside(names, columns)


def _layer_means(report: dict[str, Any]) -> list[list[str]]:
    """By block, the cells of the mean at every `ε`: a mean of no tokens is undefined at each block."""
    rows = [row for row in report["budgets"] if row["statistic"] == "mean"]
    undefined = any(UNDEFINED in row["kind"].values() for row in rows)
    return [
        [
            "none" if undefined else _number(dose["predicted"])
            for dose in layer["doses"]
            if dose["statistic"] == "mean"
        ]
        for layer in report.get("layers", ())
    ]


def _beside(names: list[str], columns: list[list[str]]) -> Iterator[str]:
    """Tables of names and columns, as many beside each other as there is room for."""
    fitting = [
        lines
        for n in range(1, len(columns) + 1)
        if max(map(cell_len, lines := _table([*zip(names, *columns[:n], strict=True)])))
        <= REPORT_WIDTH
    ]
    n = max(len(fitting), 1)
    yield from _table([*zip(names, *columns[:n], strict=True)])
    if columns[n:]:
        yield ""
        yield from _beside(names, columns[n:])


def _table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Lines of cells, each column as wide as its widest."""
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    return [
        (" " * GAP)
        .join(
            " " * (width - cell_len(cell)) + cell for cell, width in zip(row, widths, strict=True)
        )
        .rstrip()
        for row in rows
    ]


def _notes(report: dict[str, Any]) -> Iterator[str]:
    """What numbers mean, and the words in the place of some."""
    yield "Coefficients multiply the vector as it is in the file: predicted (minus, plus)."
    yield f"Epsilon is in nats of {report['divergence']} of the next token: a bound on"
    yield "damage, not a measure of a text's quality."
    yield f"mean, median, p95: {_read_by_statistics(report['positions'])}."
    rows = [*report["budgets"]]
    rows += [dose for prompt in report["prompts"] for t in prompt["tokens"] for dose in t["doses"]]
    kinds = {row["kind"][side] for row in rows for side in SIDES}
    if any(row["interval"]["plus"] for row in report["budgets"]):
        yield "[low, high]: 95 % of draws of prompts."
    if "-" in [*map(_predicted, rows), *chain(*_layer_means(report))]:
        yield "-: the vector changes nothing there."
    if NOT_REACHED in kinds:
        yield f">{report['limit']:.3g}: not reached, and no larger coefficient was tried."
    if UNRESOLVED in kinds:
        yield "hidden: rounding would move it by more than a thousandth."
    if UNDEFINED in kinds:
        yield "none: a prompt of one token has no others."


def _read_by_statistics(positions: str | list[int]) -> str:
    """The tokens that statistics are over: see `steering.crossings.statistics`."""
    if positions == "all":
        return "over all tokens of a prompt but its first"
    return "over the changed tokens alone, from the first position on"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"
