"""The rows of a prompt in a sweep of doses: one for each vector, site, statistic, `ε` and side."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float
from numpy import ndarray

from stability.errors import StabilityError
from stability.steering.crossings import statistics
from stability.steering.doses.dose import Dose, dose
from stability.steering.vectors.contrast import contrast_vector
from stability.sweeps.dose_plan import DosePlan
from stability.sweeps.measurement import Outcome
from stability.sweeps.prompts import Prompt
from stability.sweeps.provenance import INTEGER, NUMBER, PROVENANCE, TEXT, provenance
from stability.vector_files.steering_vector import SteeringVector

HALF = 0.5  # of the states' length: the rule of thumb for a coefficient
DOSES = pa.schema(
    {
        **PROVENANCE,
        "tokens": INTEGER,
        "entropy": NUMBER,  # of the last prediction, or in the mean over those the statistic is over
        "site": TEXT,
        "vector": TEXT,
        "norm": NUMBER,  # of the vector
        "positions": TEXT,
        "statistic": TEXT,  # over tokens
        "information": NUMBER,  # the statistic of I
        "reach": NUMBER,  # the coefficient at which the change is as long as the states
        "side": INTEGER,  # −1 or +1
        "half_nats": NUMBER,  # the statistic of KL where the change is half as long as the states
        "epsilon": NUMBER,
        "predicted": NUMBER,
        "actual": NUMBER,  # null where not reached within five times the reach, or hidden by rounding
    }
)
Vectors = Mapping[tuple[str, str], SteeringVector]


def dose_outcomes(
    lm: Any, plan: DosePlan, prompts: Iterable[Prompt]
) -> Iterator[tuple[Prompt, Outcome]]:
    """Measure prompts one after another, each when it is asked for; reasons instead of rows."""
    vectors = steering_vectors(lm, plan)
    for prompt in prompts:
        try:
            yield prompt, measure_doses(lm, plan, vectors, prompt)
        except StabilityError as error:
            yield prompt, str(error)


def steering_vectors(lm: Any, plan: DosePlan) -> Vectors:
    """The vectors of a plan, by name and site."""
    found = {}
    positive, negative = zip(*plan.pairs, strict=True)
    for index, site in enumerate(plan.sites):
        contrast = contrast_vector(lm, positive, negative, site)
        for name in plan.vectors:
            found[name, site] = contrast
            if (number := plan.draw(name)) is not None:
                draw = np.random.default_rng([plan.seed, number, index])
                values = draw.standard_normal(len(contrast.vectors[site]))
                values *= contrast.norm / np.linalg.norm(values)
                found[name, site] = SteeringVector(name, "array", {site: values})
    return found


def measure_doses(lm: Any, plan: DosePlan, vectors: Vectors, prompt: Prompt) -> pa.Table:
    """The rows of one prompt; raises StabilityError if the prompt does not fit."""
    text = plan.text(prompt)
    rows: list[dict[str, Any]] = []
    for (name, site), vector in vectors.items():
        for positions in plan.positions:
            found = dose(lm, vector, text, positions=positions)
            common = provenance(lm.card, plan.seed, prompt, text) | {"vector": name, "site": site}
            rows += (common | row for row in _of_dose(found, plan))
    return pa.Table.from_pylist(rows, schema=DOSES)


def _of_dose(found: Dose, plan: DosePlan) -> Iterator[dict[str, Any]]:
    """Both sides of every statistic at every `ε`, of a dose on one text."""
    [text], positions = found.texts, str(found.positions)
    names = plan.statistics(positions)
    entropies = np.array([state.entropy for state in text.states])[:, None]
    half = text.divergences([-HALF * text.reach, HALF * text.reach])
    for budget in found.budgets(plan.epsilons, *names):
        name = budget.statistic
        for column, (side, actual) in enumerate(((-1, budget.minus), (1, budget.plus))):
            yield {
                "tokens": len(text.tokens),
                "entropy": _statistic("last" if name == "last" else "mean", entropies, text.start),
                "norm": found.vector.norm,
                "positions": positions,
                "statistic": name,
                "information": _statistic(name, found.information[0][:, None], text.start),
                "reach": text.reach,
                "side": side,
                "half_nats": _statistic(name, half[:, [column]], text.start),
                "epsilon": budget.epsilon,
                "predicted": budget.predicted,
                "actual": actual,
            }


def _statistic(name: str, values: Float[ndarray, "T 1"], start: int) -> float:
    return float(statistics.of_text(name, values, start)[0])
