"""What was found of a steering vector, as a card in Markdown."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from stability.exact.boundaries import NOT_REACHED, UNRESOLVED
from stability.steering.crossings.budget import UNDEFINED, Budget
from stability.steering.doses.dose import Dose
from stability.text import counted, digits, printable

NO_OTHERS = "none: one token has no others"
# characters that Markdown reads as more than themselves
_MARKS = re.compile(r"([\\`*_\[\]<>|~#])")


@dataclass(frozen=True)
class Finding:
    """One thing that was examined.

    Attributes:
        name: what was examined.
        value: what was found, in words.
        holds: whether it is as it must be; None where it is only reported.
    """

    name: str
    value: str
    holds: bool | None = None


def spelled_positions(positions: str | tuple[int, ...]) -> str:
    """Positions as they are written on the command line."""
    return positions if isinstance(positions, str) else ",".join(map(str, positions))


def as_text(words: str) -> str:
    """Words for Markdown in one line, every mark of it escaped."""
    return _MARKS.sub(r"\\\1", printable(words))


def as_code(words: str) -> str:
    """Words for Markdown in one line, as they are, between enough backticks."""
    shown = printable(words)
    runs = [len(run) for run in re.findall("`+", shown)]
    fence = "`" * next(n for n in range(1, len(runs) + 2) if n not in runs)
    space = " " if shown[:1] == "`" or shown[-1:] == "`" else ""
    return f"{fence}{space}{shown}{space}{fence}"


def card_lines(dose: Dose, findings: Sequence[Finding], budgets: Sequence[Budget]) -> Iterator[str]:
    """The lines of a card: what was found, the doses, on which texts, and what is easily got wrong."""
    yield f"### Dose of {as_code(dose.vector.file)}"
    yield ""
    yield "| | |"
    yield "|---|---|"
    marks: Mapping[bool | None, str] = {True: " (holds)", False: " (**does not hold**)", None: ""}
    for finding in findings:
        yield f"| {as_text(finding.name)} | {as_text(finding.value)}{marks[finding.holds]} |"
    yield ""
    yield "| nats | over tokens | predicted | − side | + side |"
    yield "|---|---|---|---|---|"
    for budget in budgets:
        cells = (f"{budget.epsilon:g}", budget.statistic, _predicted(budget), *_sides(budget))
        yield f"| {' | '.join(cells)} |"
    yield ""
    draws = ", in parentheses 95 % of draws of texts" if len(dose.texts) > 1 else ""
    yield (
        "Coefficients multiply the vector as it is in the file; nats are KL(original ‖ changed) of the "
        f"next token{draws}. They bound the damage and do not measure the quality of a text."
    )
    yield ""
    yield f"On {counted(len(dose.texts), 'text')}:"
    for text in dose.texts:
        yield f"- {as_code(str(text.prompt))}"
    if dose.warnings:
        yield ""
        yield "Easily got wrong:"
    for sentence in dose.warnings:
        yield f"- {as_text(sentence)}"


def _predicted(budget: Budget) -> str:
    if budget.predicted is not None:
        return digits(budget.predicted)
    return NO_OTHERS if UNDEFINED in budget.kinds else "none: the vector changes nothing"


def _sides(budget: Budget) -> Iterator[str]:
    absent = {
        NOT_REACHED: f"not reached up to {digits(budget.limit)}",
        UNRESOLVED: "hidden by rounding",
        UNDEFINED: NO_OTHERS,
    }
    sides = ((budget.minus, budget.minus_interval), (budget.plus, budget.plus_interval))
    for kind, (c, interval) in zip(budget.kinds, sides, strict=True):
        if c is None:
            yield absent[kind]
        elif interval is None:
            yield digits(c)
        else:
            # draws may not reach the level within the search
            beyond = f">{digits(budget.limit)}"
            low, high = (digits(end) if isfinite(end) else beyond for end in interval)
            yield f"{digits(c)} ({low} to {high})"
