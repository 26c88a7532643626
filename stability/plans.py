"""What a sweep measures at each prompt: a row for each state, direction, `ε` and side.

What is drawn at random follows from the seed and the prompt's place in its file: the same rows come out
in whatever order, and on whatever machine, prompts are measured.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from stability import __version__, directions
from stability.analysis import Analysis, pairs_for
from stability.distribution import require_nats
from stability.errors import StabilityError
from stability.prompts import Prompt
from stability.rays import Ray, rays
from stability.readout import Readout
from stability.spectra import spectrum
from stability.state import State

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
DIRECTIONS = (
    *(f"eig:{rank}" for rank in (0, 1, 3, 10, 30, 100)),
    *(f"{kind}:{number}" for kind in ("random", "covariance", "rival") for number in (1, 2)),
)
DRAWN = ("random", "covariance", "rival")  # of each state its own
SEEDS = 2**31
ANY_PROMPT = "A prompt"
EPSILONS = (0.001, 0.01, 0.1, 1.0)


class Model(directions.Source, Protocol):
    """What is asked of a language model here."""

    @property
    def readout(self) -> Readout:
        """What makes logits of the vectors before it."""
        ...

    def block(self, site: str) -> int | None:
        """The block whose output a site is; raises StabilityError if there is no such site."""
        ...

    def capture_all(self, prompt: str, site: str = "prelogit") -> tuple[State, ...]:
        """Every position's state."""
        ...


@dataclass(frozen=True)
class Plan:
    """What is measured at each prompt.

    `positions` are drawn from a prompt's tokens without the first, whose prediction all prompts that
    begin alike share. `directions` are those of `analyze`, but that `random:N` and `covariance:N` are
    drawn anew at each position, and `rival:N` points from the most likely token to the N-th after it.
    """

    sites: tuple[str, ...] = ("prelogit",)
    directions: tuple[str, ...] = DIRECTIONS
    epsilons: tuple[float, ...] = EPSILONS
    positions: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        for epsilon in self.epsilons:
            require_nats(epsilon)
        if self.positions < 1 or self.seed < 0:
            raise StabilityError(
                "A sweep needs at least one position a prompt and a seed that is not negative; "
                f"received {self.positions} and {self.seed}: try 2 and 0."
            )
        if self.seed >= SEEDS:
            raise StabilityError(
                f"A seed must be below {SEEDS}, to fit its column; received {self.seed}: try 0."
            )
        if not (self.sites and self.directions and self.epsilons):
            raise StabilityError(
                "A sweep needs at least one site, direction and epsilon; received "
                f"{len(self.sites)}, {len(self.directions)} and {len(self.epsilons)}: name some."
            )

    def require(self, lm: Model) -> None:
        """Raise StabilityError for sites and directions that no prompt of a model has."""
        for site in self.sites:
            lm.block(site)
        for spec in self.directions:
            kind, _, number = spec.partition(":")
            if kind in DRAWN:
                _whole(spec, number, lm.readout.vocab_size)
                continue
            directions.require_kind(spec)
            if directions.rank(spec, lm.readout.width) is None:  # the same at every prompt
                state = lm.capture(ANY_PROMPT, site=self.sites[0])
                directions.resolve(spec, state, spectrum(state, 1), lm)

    def sampled(self, prompt: Prompt, tokens: int) -> list[int]:
        """The positions that are measured, in order."""
        if tokens == 1:
            return [0]
        draw = np.random.default_rng([self.seed, prompt.index])
        count = min(self.positions, tokens - 1)
        return sorted((1 + draw.choice(tokens - 1, count, replace=False)).tolist())

    def resolved(self, spec: str, prompt: Prompt, state: State) -> str:
        """A direction of the plan as `analyze` takes it at one state."""
        kind, _, number = spec.partition(":")
        if kind in DRAWN:
            n = _whole(spec, number, state.readout.vocab_size)
            if kind == "rival":
                (top, _), *others = state.most_likely(n + 1)
                return f"tokens:{top.id},{others[-1][0].id}"
            draw = np.random.default_rng([self.seed, prompt.index, state.position, n])
            return f"{kind}:{draw.integers(2**31)}"
        return spec


def _whole(spec: str, number: str, vocabulary: int) -> int:
    if not (number.isdecimal() and int(number) >= 1):
        raise StabilityError(
            f"In a sweep, random, covariance and rival count from 1; received {spec!r}: try "
            f"{spec.partition(':')[0]}:1."
        )
    if spec.startswith("rival") and int(number) >= vocabulary:
        raise StabilityError(
            f"A token has {vocabulary - 1} rivals here; received {spec!r}: try rival:1."
        )
    return int(number)


def measure(lm: Model, plan: Plan, prompt: Prompt) -> pa.Table:
    """The rows of one prompt; raises StabilityError if the prompt or the plan does not fit."""
    if prompt.text is None:
        raise StabilityError(prompt.reason or "A prompt needs some text.")
    rows: list[dict[str, Any]] = []
    for site in plan.sites:
        states = lm.capture_all(prompt.text, site)
        for position in plan.sampled(prompt, len(states)):
            rows += _rows(lm, plan, prompt, states[position])
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def _rows(lm: Model, plan: Plan, prompt: Prompt, state: State) -> Iterator[dict[str, Any]]:
    """All directions at one state."""
    specs = [plan.resolved(spec, prompt, state) for spec in plan.directions]
    pairs = spectrum(state, max(pairs_for(state, spec, 1) for spec in specs))
    found = [directions.resolve(spec, state, pairs, lm) for spec in specs]
    lines = rays(state, [direction.vector for direction in found])
    here = Analysis(state, pairs, found[0], lines[0])
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
        "token_constraint_bound": here.token_constraint_bound,
        "nearest_flip": here.nearest_flip and here.nearest_flip.distance,
    }
    balls = [here.certified_ball(epsilon) for epsilon in plan.epsilons]
    for spec, direction, line in zip(specs, found, lines, strict=True):
        named = {"kind": direction.kind, "direction": spec}
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
