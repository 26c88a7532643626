"""The dose for a budget that is stated as a statistic over tokens and texts."""

from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

SIDES = ("minus", "plus")
# no text has the statistic: those of one token alone have only their last
UNDEFINED = "undefined"


def number(value: float) -> float | None:
    """A dose as a number; None where there is none.

    Args:
        value: a coefficient, infinite or NaN for none.

    Returns:
        The coefficient as a plain float.
    """
    return float(value) if isfinite(value) else None


@dataclass(frozen=True)
class Budget:
    """The dose at which a statistic over tokens and texts reaches `ε`.

    Attributes:
        epsilon: nats.
        statistic: `last`, `mean`, `median` or `p95`.
        predicted: the closed form, with the statistic of `I` in the place of `I`; None where that is 0.
        minus: the true coefficient of the negative side, as a positive number; None if there is none:
            see `kinds`.
        plus: that of the positive side.
        minus_interval: of draws of texts, 95 %; None for one text, infinite where not reached.
        plus_interval: that of the positive side.
        kinds: of minus and plus: `reached`; `not reached` up to `limit`; `unresolved`, as rounding
            hides it; or `undefined`, as no text has the statistic: one token has only a `last`.
        limit: the largest coefficient that was tried.

    One for each `ε` and statistic::

        for budget in stability.dose(lm, "happy.gguf", prompts, site="block:12").budgets([0.1, 1.0]):
            print(budget.epsilon, budget.statistic, budget.predicted, budget.minus, budget.plus)
    """

    epsilon: float
    statistic: str
    predicted: float | None
    minus: float | None
    plus: float | None
    minus_interval: tuple[float, float] | None = None
    plus_interval: tuple[float, float] | None = None
    kinds: tuple[str, str] = ("reached", "reached")
    limit: float = inf

    def report(self) -> dict[str, Any]:
        """Return the budget as plain data, ready for JSON; None where there is no number.

        Returns:
            The fields by name, with `kind` and `interval` by side.
        """
        kinds = dict(zip(SIDES, self.kinds, strict=True))
        intervals = zip(SIDES, (self.minus_interval, self.plus_interval), strict=True)
        return {
            "epsilon": self.epsilon,
            "statistic": self.statistic,
            "predicted": self.predicted,
            "minus": self.minus,
            "plus": self.plus,
            "kind": kinds,
            "interval": {side: ends and [*map(number, ends)] for side, ends in intervals},
        }
