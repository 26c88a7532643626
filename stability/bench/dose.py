"""Doses of a steering vector, against the trial and error by which they are found today."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy import ndarray

from stability.bench.timing import Comparison, Method, compare
from stability.errors import StabilityError
from stability.steering.crossings.statistics import of_text
from stability.steering.doses.dose import dose
from stability.steering.passes.steered_text import SteeredText
from stability.steering.texts.writing import write_steered
from stability.vector_files.steering_vector import SteeringVector

TOKENS = 64
EPSILON, STATISTIC = 1.0, "p95"
# of steering-lite: where its search starts, how near to the budget it ends, how long its texts are
BRACKET, TOLERANCE, ROLLOUT, STEPS = (0.05, 16.0), 0.05, 50, 12
RELATIVE = 1e-3  # of a coefficient: how near a plain bisection ends


def compare_doses(lm: Any, prompt: str) -> list[Comparison]:
    """All predicted doses of a text, and the true one of a budget, at a block in the middle."""
    text = "".join(token.text for token in lm.tokenize(prompt)[:TOKENS])
    site = f"block:{lm.card.n_layers // 2}"
    vector = _unit_dose(lm, text, site)

    def predict() -> tuple[ndarray, ...]:
        return dose(lm, vector, text).predicted(EPSILON)

    def truth() -> list[float]:
        [budget] = dose(lm, vector, text, reverse=True).budgets(EPSILON, STATISTIC)
        return [side or np.inf for side in (budget.minus, budget.plus)]

    def bisect(sided: SteeringVector) -> float:
        steered = dose(lm, sided, text, reverse=True).texts[0]
        return bisected(lambda c: _statistic(steered, c, 1), RELATIVE)

    ids = lm.network.ids(lm.tokenize(text))[None]

    def forward() -> None:
        with torch.inference_mode():
            lm.network.logits(ids)

    task = f"predicted doses of {ids.shape[1]} tokens"
    predicted = compare("dose", task, Method(predict), {"one forward pass": Method(forward)}, {})
    # each finds one side at a time
    both = [_times(vector, sign) for sign in (-1, 1)]
    found = [bisect(sided) for sided in both]
    baselines = {
        "steering-lite's search over rollouts": Method(
            lambda: [rolled_out(lm, sided, text) for sided in both]
        ),
        "bisection on the text itself": Method(lambda: [bisect(sided) for sided in both]),
    }
    differences = np.abs(np.divide(np.abs(truth()), found) - 1)
    accuracy = {"difference from bisection": float(differences.max())}
    task = f"true dose of one budget, both sides, {ids.shape[1]} tokens"
    return [predicted, compare("dose", task, Method(truth), baselines, accuracy)]


def _unit_dose(lm: Any, text: str, site: str) -> SteeringVector:
    """A random vector whose predicted dose is one: within the bracket of the search."""
    state = lm.capture(text, site=site)
    values = np.random.default_rng(0).standard_normal(state.width)
    trial = SteeringVector("random", "array", {site: values})
    [budget] = dose(lm, trial, text).predicted(EPSILON)
    return _times(trial, float(np.median(budget[1:])))


def _times(vector: SteeringVector, c: float) -> SteeringVector:
    """A multiple of a vector."""
    return replace(vector, vectors={site: c * values for site, values in vector.vectors.items()})


def bisected(statistic: Callable[[float], float], relative: float) -> float:
    """Where a statistic reaches `EPSILON`: doubled or halved until it is bracketed, then bisected.

    Raises StabilityError where it does not do so within `BRACKET`.
    """
    c = (BRACKET[0] * BRACKET[1]) ** 0.5
    factor = 2.0 if statistic(c) < EPSILON else 0.5
    # the end that is tried is on the other side of the budget
    while (statistic(c * factor) < EPSILON) == (factor > 1):
        c *= factor
        if not BRACKET[0] <= c <= BRACKET[1]:
            raise StabilityError(
                f"A budget must be reached between the coefficients {BRACKET[0]:g} and {BRACKET[1]:g}; "
                f"up to {c:.3g} it is not: scale the vector."
            )
    low, high = sorted((c, c * factor))
    while high / low > 1 + relative:
        middle = (low * high) ** 0.5
        low, high = (middle, high) if statistic(middle) < EPSILON else (low, middle)
    return (low * high) ** 0.5


def rolled_out(lm: Any, vector: SteeringVector, prompt: str) -> float:
    """steering-lite's search, from its description: a text is written under every coefficient.

    The statistic of KL(changed ‖ original) is over the tokens that were written; the bracket is found
    by doubling or halving, then narrowed on double logarithmic scales until the budget is met.
    """
    length, tried = len(lm.tokenize(prompt)), {}

    def statistic(c: float) -> float:
        ids, _ = write_steered(lm, prompt, vector, [c], ROLLOUT)
        written = "".join(lm.text(token) for token in ids[0].tolist())
        steered = dose(lm, vector, written, reverse=True).texts[0]
        tried[c] = _statistic(steered, c, min(length, len(steered.states) - 1))
        return float(tried[c])

    c = (BRACKET[0] * BRACKET[1]) ** 0.5
    factor = 2.0 if statistic(c) < EPSILON else 0.5
    while (tried[c] < EPSILON) == (factor > 1) and BRACKET[0] < c < BRACKET[1]:
        c *= factor
        statistic(c)
    low, high = sorted((c, c / factor))
    for _ in range(STEPS):
        rise = np.log(tried[high] / tried[low])
        c = low * (high / low) ** np.clip(np.log(EPSILON / tried[low]) / rise, 0.05, 0.95)
        if abs(statistic(c) - EPSILON) < TOLERANCE:
            break
        low, high = (c, high) if tried[c] < EPSILON else (low, c)
    return float(c)


def _statistic(text: SteeredText, coefficient: float, first: int) -> float:
    """The statistic of KL(changed ‖ original) over the positions from `first` on, 1 at least."""
    return float(of_text(STATISTIC, text.divergences([coefficient], reverse=True), first)[0])
