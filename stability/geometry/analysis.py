"""From a prompt to everything along one direction: state, spectrum, ray, and a report of them."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from stability.curvature import directions
from stability.curvature.direction import Direction
from stability.curvature.direction_spec import DirectionSpec
from stability.curvature.spectrum import Spectrum, spectrum
from stability.defaults import LEADING_PAIRS
from stability.errors import StabilityError
from stability.geometry.ray import Ray, ray
from stability.geometry.sensitivity import Sensitivity, sensitivity
from stability.prediction.conversation import PromptLike
from stability.prediction.provenance import Token
from stability.prediction.source import Source
from stability.prediction.state import State


@dataclass(frozen=True, eq=False)
class Analysis:
    """A state, its spectrum, its answer to any direction, and the ray along one of them."""

    state: State
    spectrum: Spectrum
    sensitivity: Sensitivity
    direction: Direction
    ray: Ray

    def report(self, epsilons: Sequence[float]) -> dict[str, Any]:
        """Everything as plain data, ready for JSON.

        Args:
            epsilons: the divergences, in nats, whose radii are reported.

        Returns:
            Lengths are in the state's own coordinates, KL and entropy in nats; None where there is no
            such value. A radius has its `kind`: "reached", by a "jump", "not reached", or "unresolved",
            where `ε` is below the `resolution` that rounding leaves.
        """
        state, spectrum = self.state, self.spectrum
        minus, plus = self.ray.flips()
        nearest = self.sensitivity.nearest_flip
        return {
            "model": asdict(state.model),
            "prompt": str(state.prompt),
            "tokens": [_plain(token) for token in state.tokens],
            "position": state.position,
            "site": state.site,
            "norm": state.norm,
            "entropy": state.entropy,
            "argmax": {
                "id": state.argmax,
                "text": state.text(state.argmax),
                "probability": float(state.probs[state.argmax]),
            },
            "spectrum": {
                "eigenvalues": spectrum.eigenvalues.tolist(),
                "residuals": spectrum.residuals.tolist(),
                "trace": spectrum.trace,
                "trace_error": spectrum.trace_error,
            },
            "direction": {
                "kind": self.direction.kind,
                "label": self.direction.label,
                "curvature": self.ray.curvature,
                # only of a vector that was given
                **({"warnings": warnings} if (warnings := [*self.direction.warnings]) else {}),
            },
            "radii": self._radii(epsilons),
            "resolution": self.ray.resolution,
            "flips": {"minus": [asdict(f) for f in minus], "plus": [asdict(f) for f in plus]},
            "nearest_flip": nearest and asdict(nearest),
            "certified_ball": self._balls(epsilons),
            "token_constraint_bound": self.sensitivity.token_constraint_bound,
        }

    @cached_property
    def trust_range(self) -> tuple[float | None, float | None]:
        """Where the quadratic leaves 10 % of the true KL, (minus, plus)."""
        return self.ray.trust_range()

    def _balls(self, epsilons: Sequence[float]) -> list[dict[str, float]] | None:
        """The certified ball for every `ε`, or None: at `H = 0` nothing ends it."""
        radii = [(epsilon, self.sensitivity.certified_ball(epsilon)) for epsilon in epsilons]
        balls = [{"epsilon": epsilon, "radius": r} for epsilon, r in radii if r is not None]
        return balls or None

    def _radii(self, epsilons: Sequence[float]) -> list[dict[str, Any]]:
        """For every `ε` the closed form, both boundaries, and what is certain of them."""
        boundaries, sides = self.ray.find(np.array(epsilons, dtype=float)), ("minus", "plus")
        rows = []
        for epsilon, actual, kinds in zip(
            epsilons, boundaries.distances.T.tolist(), boundaries.kinds.T.tolist(), strict=True
        ):
            brackets = self.ray.certificate(epsilon)
            reached = (t if math.isfinite(t) else None for t in actual)
            rows.append(
                {
                    "epsilon": epsilon,
                    "predicted": self.ray.predicted_radius(epsilon),
                    "actual": dict(zip(sides, reached, strict=True)),
                    "kind": dict(zip(sides, kinds, strict=True)),
                    "certified": brackets and dict(zip(sides, map(list, brackets), strict=True)),
                }
            )
        return rows


def _plain(token: Token) -> dict[str, Any]:
    """A token as plain data; its role where it has one."""
    role = {"role": token.role} if token.role else {}
    return {"index": token.index, "id": token.id, "text": token.text, **role}


def pairs_for(state: State, spec: DirectionSpec, k: int) -> int:
    """How many eigenpairs a direction needs.

    Args:
        state: the state of which the spectrum is made.
        spec: the direction.
        k: how many are wanted anyway.

    Returns:
        `k`, or more for a later eigendirection that it names.

    Raises:
        StabilityError: `k` is below 1, or `K` not below the width of the state.
    """
    if k < 1:
        raise StabilityError(f"The number of eigenpairs must be at least 1; received {k}: try 16.")
    for rank in spec.ranks:
        directions.require_rank(rank, state.width)
    return max([k, *(rank + 1 for rank in spec.ranks)])


def analyze(
    lm: Source,
    prompt: PromptLike,
    position: int = -1,
    site: str = "prelogit",
    direction: str = "eig:0",
    k: int = LEADING_PAIRS,
) -> Analysis:
    """Capture a state, find its spectrum, and look along one direction.

    Args:
        lm: a loaded language model.
        prompt: the text, or the conversation.
        position: the token's index, from the end if negative.
        site: the vector that is perturbed: `prelogit`, `final` or `block:L`.
        direction: a written direction, such as `eig:0`; see `DirectionSpec`.
        k: number of eigenpairs.

    Returns:
        The state with its spectrum, its sensitivity, and the ray along the direction.

    Raises:
        StabilityError: there is no such position, site, direction or number of eigenpairs.
    """
    spec, state = DirectionSpec.parse(direction), lm.capture(prompt, position, site)
    pairs = spectrum(state, pairs_for(state, spec, k))
    return along(state, pairs, directions.resolve(spec, state, pairs, lm))


def along(state: State, pairs: Spectrum, direction: Direction) -> Analysis:
    """The analysis of a state, whose spectrum is known, along one direction."""
    return Analysis(
        state, pairs, sensitivity(state, pairs), direction, ray(state, direction.vector)
    )
