"""What was found of a steering vector, as a card in Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from stability.steering.budget import Budget
from stability.steering.dose import Dose
from stability.steering.intervention import Positions
from stability.text import digits


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


def spelled_positions(positions: Positions) -> str:
    """Positions as they are written on the command line."""
    return positions if isinstance(positions, str) else ",".join(map(str, positions))


def card_lines(dose: Dose, findings: Sequence[Finding], budgets: Sequence[Budget]) -> Iterator[str]:
    """The lines of a card: what was found, the doses, and what is easily got wrong."""
    yield f"### Dose of `{dose.vector.file}`"
    yield ""
    yield "| | |"
    yield "|---|---|"
    marks: Mapping[bool | None, str] = {True: " (holds)", False: " (**does not hold**)", None: ""}
    for finding in findings:
        yield f"| {finding.name} | {finding.value}{marks[finding.holds]} |"
    yield ""
    yield "| nats | over tokens | predicted | − side | + side |"
    yield "|---|---|---|---|---|"
    for budget in budgets:
        cells = (budget.predicted, budget.minus, budget.plus)
        numbers = " | ".join("not reached" if c is None else digits(c) for c in cells)
        yield f"| {budget.epsilon:g} | {budget.statistic} | {numbers} |"
    yield ""
    yield (
        "Coefficients multiply the vector as it is in the file; nats are KL(original ‖ changed) of the "
        f"next token on {len(dose.texts)} short texts. They bound the damage and do not measure "
        "the quality of a text."
    )
    for sentence in dose.warnings:
        yield f"- {sentence}"
