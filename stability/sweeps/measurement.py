"""The rows of a prompt: one for each state, direction, `ε` and side."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from stability.curvature import directions
from stability.curvature.spectrum import spectrum
from stability.errors import StabilityError, StoppedError
from stability.geometry.analysis import pairs_for
from stability.geometry.ray import Ray, rays
from stability.geometry.sensitivity import Sensitivity, sensitivity
from stability.prediction.pause import Pause, no_pause
from stability.prediction.source import Model
from stability.prediction.state import State
from stability.sweeps.plan import Plan
from stability.sweeps.prompts import Prompt
from stability.sweeps.provenance import INTEGER, NUMBER, PROVENANCE, TEXT, provenance

# the rows of a prompt, or why there are none
Outcome: TypeAlias = pa.Table | str
# called before each state, which takes seconds; whoever wants to stop the measurement raises here

SCHEMA = pa.schema(
    {
        **PROVENANCE,
        "position": INTEGER,
        "token": TEXT,  # of the prompt, at the position
        "next_token": TEXT,  # the most likely one
        "site": TEXT,
        "norm": NUMBER,  # of the vector
        "entropy": NUMBER,
        "margin": NUMBER,
        "token_constraint_bound": NUMBER,
        "nearest_flip": NUMBER,  # over all directions
        "kind": TEXT,  # of the direction, as resolved
        "asked": TEXT,  # the direction in the plan: `random:1`, `rival:2`
        "direction": TEXT,  # as resolved at this state, the form that `analyze --direction` takes
        "curvature": NUMBER,  # κ₂
        "kappa3": NUMBER,  # towards plus
        "kappa4": NUMBER,
        "lowest": NUMBER,  # a_c of the token that loses most, and that gains most, towards plus
        "highest": NUMBER,
        "epsilon": NUMBER,
        "certified_ball": NUMBER,
        "side": INTEGER,  # −1 or +1
        "predicted": NUMBER,
        "actual": NUMBER,  # null where the boundary is not reached, or lost in rounding
        "inner": NUMBER,  # certified
        "outer": NUMBER,
        "moment_inner": NUMBER,  # as certain, from four moments
        "moment_outer": NUMBER,
        "flip": NUMBER,  # the first on this side
        "flip_token": TEXT,
    }
)


def outcomes(lm: Model, plan: Plan, prompts: Iterable[Prompt]) -> Iterator[tuple[Prompt, Outcome]]:
    """Measure prompts one after another in this process, each when it is asked for."""
    for prompt in prompts:
        yield prompt, attempt(lm, plan, prompt)


def attempt(lm: Model, plan: Plan, prompt: Prompt, pause: Pause = no_pause) -> Outcome:
    """Measure a prompt; if it cannot be measured, return the reason instead of the rows.

    Raises StoppedError if `pause` does.
    """
    try:
        return measure(lm, plan, prompt, pause)
    except StoppedError:
        raise
    except StabilityError as error:
        return str(error)


def all_rows(outcomes: Iterable[Outcome]) -> pa.Table:
    """The rows of all prompts that were measured; reasons for none are left out."""
    tables = [outcome for outcome in outcomes if not isinstance(outcome, str)]
    return pa.concat_tables([SCHEMA.empty_table(), *tables])


def measure(lm: Model, plan: Plan, prompt: Prompt, pause: Pause = no_pause) -> pa.Table:
    """The rows of one prompt; raises StabilityError if the prompt or the plan does not fit."""
    if prompt.text is None:
        raise StabilityError(prompt.reason or "A prompt needs some text.")
    rows: list[dict[str, Any]] = []
    for site in plan.sites:
        states = lm.capture_all(prompt.text, site)
        for position in plan.sampled(prompt, len(states)):
            pause()
            # a copy, as a state holds what has been computed at it
            rows += _rows(lm, plan, prompt, replace(states[position]))
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _rows(lm: Model, plan: Plan, prompt: Prompt, state: State) -> Iterator[dict[str, Any]]:
    """All directions at one state."""
    specs = [plan.resolved(asked, prompt, state) for asked in plan.specs]
    eigenpairs = spectrum(state, max(pairs_for(state, spec, 1) for spec in specs))
    resolved = [directions.resolve(spec, state, eigenpairs, lm) for spec in specs]
    local = sensitivity(state, eigenpairs)
    at_state = provenance(state.model, plan.seed, prompt, str(prompt.text))
    at_state |= _of_state(state, local)
    balls = [local.certified_ball(epsilon) for epsilon in plan.epsilons]
    lines = rays(state, [direction.vector for direction in resolved])
    for asked, spec, direction, ray in zip(plan.directions, specs, resolved, lines, strict=True):
        names = {"kind": direction.kind, "asked": asked, "direction": str(spec)}
        for row in _along(ray, plan.epsilons, balls):
            yield at_state | names | row


def _of_state(state: State, local: Sensitivity) -> dict[str, Any]:
    return {
        "position": state.position,
        "token": state.here.text,
        "next_token": state.text(state.argmax),
        "site": state.site,
        "norm": state.norm,
        "entropy": state.entropy,
        "margin": state.margin,
        "token_constraint_bound": local.token_constraint_bound,
        "nearest_flip": local.nearest_flip and local.nearest_flip.distance,
    }


def _along(
    ray: Ray, epsilons: Sequence[float], balls: Sequence[float | None]
) -> Iterator[dict[str, Any]]:
    """Both sides of a ray at every `ε`."""
    levels = np.array(epsilons)
    actual, certified = ray.boundaries(levels), ray.certificates(levels)
    moments = ray.moment_brackets(levels)
    _, kappa3, kappa4 = ray.cumulants or (None, None, None)
    slopes = {"lowest": float(ray.slopes.min()), "highest": float(ray.slopes.max())}
    flips = [(side[0].distance, side[0].text) if side else (None, None) for side in ray.flips(1)]
    for i, epsilon in enumerate(epsilons):
        for side in (0, 1):
            inner, outer = (None, None) if certified is None else certified[side, :, i]
            moment_inner, moment_outer = (None, None) if moments is None else moments[side, :, i]
            yield {
                "curvature": ray.curvature,
                "kappa3": kappa3,
                "kappa4": kappa4,
                **slopes,
                "epsilon": epsilon,
                "certified_ball": balls[i],
                "side": 2 * side - 1,
                "predicted": ray.predicted_radius(epsilon),
                "actual": _finite(actual[side, i]),
                "inner": _finite(inner),
                "outer": _finite(outer),
                "moment_inner": _finite(moment_inner),
                "moment_outer": _finite(moment_outer),
                "flip": flips[side][0],
                "flip_token": flips[side][1],
            }


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
