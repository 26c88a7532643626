"""The rows of a prompt: one for each state, direction, `ε` and side."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from stability import __version__
from stability.curvature import directions
from stability.curvature.spectrum import spectrum
from stability.errors import StabilityError
from stability.geometry.analysis import pairs_for
from stability.geometry.ray import Ray, rays
from stability.geometry.sensitivity import sensitivity
from stability.prediction.source import Model
from stability.prediction.state import State
from stability.sweeps.plan import Plan
from stability.sweeps.prompts import Prompt

Pause = Callable[[], None] | None  # called before each state, which takes seconds
TEXT, WHOLE, NUMBER = pa.string(), pa.int32(), pa.float64()
SCHEMA = pa.schema(
    {
        "model": TEXT,
        "revision": TEXT,
        "dtype": TEXT,
        "version": TEXT,
        "seed": WHOLE,
        "prompt_index": WHOLE,
        "prompt_id": TEXT,
        "prompt_kind": TEXT,
        "prompt": TEXT,
        "position": WHOLE,
        "token": TEXT,  # of the prompt, at the position
        "next_token": TEXT,  # the most likely one
        "site": TEXT,
        "norm": NUMBER,  # of the vector
        "entropy": NUMBER,
        "margin": NUMBER,
        "token_constraint_bound": NUMBER,
        "nearest_flip": NUMBER,  # over all directions
        "kind": TEXT,  # of the direction
        "direction": TEXT,  # as `analyze --direction` takes it
        "curvature": NUMBER,  # κ₂
        "kappa3": NUMBER,  # towards plus
        "kappa4": NUMBER,
        "lowest": NUMBER,  # a_c of the token that loses most, and that gains most, towards plus
        "highest": NUMBER,
        "epsilon": NUMBER,
        "certified_ball": NUMBER,
        "side": WHOLE,  # −1 or +1
        "predicted": NUMBER,
        "actual": NUMBER,  # null where the boundary is not reached
        "inner": NUMBER,  # certified
        "outer": NUMBER,
        "moment_inner": NUMBER,  # as certain, from four moments
        "moment_outer": NUMBER,
        "flip": NUMBER,  # the first on this side
        "flip_token": TEXT,
    }
)


def measure(lm: Model, plan: Plan, prompt: Prompt, pause: Pause = None) -> pa.Table:
    """The rows of one prompt; raises StabilityError if the prompt or the plan does not fit."""
    if prompt.text is None:
        raise StabilityError(prompt.reason or "A prompt needs some text.")
    rows: list[dict[str, Any]] = []
    for site in plan.sites:
        states = lm.capture_all(prompt.text, site)
        for position in plan.sampled(prompt, len(states)):
            if pause:
                pause()
            rows += _rows(lm, plan, prompt, states[position])
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _rows(lm: Model, plan: Plan, prompt: Prompt, state: State) -> Iterator[dict[str, Any]]:
    """All directions at one state."""
    specs = [plan.resolved(spec, prompt, state) for spec in plan.specs]
    pairs = spectrum(state, max(pairs_for(state, spec, 1) for spec in specs))
    resolved = [directions.resolve(spec, state, pairs, lm) for spec in specs]
    lines = rays(state, [direction.vector for direction in resolved])
    whole = sensitivity(state, pairs)
    shared = {
        "model": state.model.name,
        "revision": state.model.revision,
        "dtype": state.model.dtype,
        "version": __version__,
        "seed": plan.seed,
        "prompt_index": prompt.index,
        "prompt_id": prompt.id,
        "prompt_kind": prompt.kind,
        "prompt": prompt.text,
        "position": state.position,
        "token": state.here.text,
        "next_token": state.text(state.argmax),
        "site": state.site,
        "norm": state.norm,
        "entropy": state.entropy,
        "margin": state.margin,
        "token_constraint_bound": whole.token_constraint_bound,
        "nearest_flip": whole.nearest_flip and whole.nearest_flip.distance,
    }
    balls = [whole.certified_ball(epsilon) for epsilon in plan.epsilons]
    for spec, direction, line in zip(specs, resolved, lines, strict=True):
        named = {"kind": direction.kind, "direction": str(spec)}
        for row in _along(line, plan.epsilons, balls):
            yield shared | named | row


def _along(
    line: Ray, epsilons: Sequence[float], balls: Sequence[float | None]
) -> Iterator[dict[str, Any]]:
    """Both sides of a ray at every `ε`."""
    levels = np.array(epsilons)
    actual, certified = line.boundaries(levels), line.certificates(levels)
    moment = line.moment_brackets(levels)
    _, kappa3, kappa4 = line.cumulants or (None, None, None)
    slopes = {"lowest": float(line.slopes.min()), "highest": float(line.slopes.max())}
    flips = [(side[0].distance, side[0].text) if side else (None, None) for side in line.flips(1)]
    for i, epsilon in enumerate(epsilons):
        for side in (0, 1):
            inner, outer = (None, None) if certified is None else certified[side, :, i]
            tighter = (None, None) if moment is None else moment[side, :, i]
            yield {
                "curvature": line.curvature,
                "kappa3": kappa3,
                "kappa4": kappa4,
                **slopes,
                "epsilon": epsilon,
                "certified_ball": balls[i],
                "side": 2 * side - 1,
                "predicted": line.predicted_radius(epsilon),
                "actual": _finite(actual[side, i]),
                "inner": _finite(inner),
                "outer": _finite(outer),
                "moment_inner": _finite(tighter[0]),
                "moment_outer": _finite(tighter[1]),
                "flip": flips[side][0],
                "flip_token": flips[side][1],
            }


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
