"""Directions of every kind, each made by one function.

Isotropic random directions have been found far less sensitive than directions drawn from the
covariance of the model's own states (Lee and Heimersheim, arXiv 2410.12555); both are here. `resolve`
chooses by the written form.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from stability.arguments import whole
from stability.curvature.direction import Direction, unit
from stability.curvature.direction_spec import DirectionSpec, Turn, eigendirection, turned_label
from stability.curvature.given_vector import from_file
from stability.curvature.least_push import cheapest
from stability.curvature.spectrum import Spectrum
from stability.errors import StabilityError
from stability.prediction.source import Source
from stability.prediction.state import State
from stability.text import isolated, spelled

PARALLEL = 1e-6  # of an eigenvector, what must be left of it at right angles


def require_rank(rank: int, pairs: int) -> None:
    """Raise StabilityError unless a rank, from 0, is below the number of eigenpairs."""
    if not 0 <= rank < pairs:
        raise StabilityError(
            f"An eigendirection's index must be between 0 and {pairs - 1} here; received {rank}: "
            "choose one in that range."
        )


def eigen(spectrum: Spectrum, rank: int) -> Direction:
    """The eigenvector of `H` with the given rank, from 0 for the largest eigenvalue."""
    require_rank(rank, spectrum.vectors.shape[1])
    return Direction("eig", eigendirection(rank), spectrum.vectors[:, rank], rank)


def random(state: State, seed: int) -> Direction:
    """A direction drawn uniformly from the sphere."""
    seed = whole(seed, "A seed", least=0)
    draw = torch.from_numpy(np.random.default_rng(seed).standard_normal(state.width))
    label = DirectionSpec("random", seed).label
    return Direction("random", label, unit(draw.to(state.vector.device), len(draw)))


def covariance_matched(state: State, vectors: Float[Tensor, "n d"], seed: int) -> Direction:
    """A direction drawn from the covariance of `vectors`, states of the same model and site.

    The draw is normal with covariance `(1 − s) S + s (tr S/d) I`: the sample covariance
    `S = XᵀX/n`, `X` the centred vectors, is shrunk by Ledoit and Wolf's `s`, as there are seldom
    more states than dimensions. Raises StabilityError unless two of the vectors differ.
    """
    from sklearn.covariance import ledoit_wolf_shrinkage

    if not (vectors != vectors[:1]).any():
        raise StabilityError(
            f"A covariance needs at least two different vectors; received {len(vectors)}, all "
            "equal: give states of several prompts."
        )
    X = vectors.double().cpu().numpy()
    X = X - X.mean(axis=0)
    shrinkage = ledoit_wolf_shrinkage(X, assume_centered=True)
    seed = whole(seed, "A seed", least=0)
    draw = np.random.default_rng(seed)
    # Xᵀg/√n has the covariance S, also where S is singular and has no Cholesky factor
    sampled = draw.standard_normal(len(X)) @ X * np.sqrt((1 - shrinkage) / len(X))
    isotropic = draw.standard_normal(X.shape[1]) * np.sqrt(shrinkage / X.size) * np.linalg.norm(X)
    vector = torch.from_numpy(sampled + isotropic).to(state.vector.device)
    label = DirectionSpec("covariance", seed).label
    return Direction("covariance", label, unit(vector, state.width))


def token_difference(state: State, a: int, b: int) -> Direction:
    """From token `a` to token `b`: the gradient of logit `b` minus logit `a`.

    That is `w_b − w_a` at `prelogit`.
    """
    for token in (a, b):
        state.model.require_token(whole(token, "A token id", least=0))
    W_U = state.readout.W_U
    if torch.equal(W_U[a], W_U[b]):
        raise StabilityError(
            f"A token difference needs two tokens with different rows of W_U; received {a} "
            f"({spelled(state.text(a))}) and {b} ({spelled(state.text(b))}): choose another."
        )
    label = " → ".join(spelled(state.text(token)) for token in (a, b))
    slopes = state.readout.cap_slope(state.uncapped_logits)
    gradient = slopes[b] * W_U[b].double() - slopes[a] * W_U[a].double()
    return Direction("tokens", label, unit(state.vjp(gradient[:, None])[:, 0], state.width))


def prompt_difference(state: State, other: State) -> Direction:
    """From this state to the other's: the other prompt's vector minus this one."""
    if state.site != other.site or state.vector.shape != other.vector.shape:
        raise StabilityError(
            f"Two states must come from one model and site; received {state.model.name} at "
            f"{state.site!r} and {other.model.name} at {other.site!r}: capture both alike."
        )
    # the two may have been captured on different devices
    start, end = state.vector, other.vector.to(state.vector.device)
    if torch.equal(start, end):
        raise StabilityError(
            f"The other prompt must lead to another state; received {other.prompt!r}, whose state "
            "is this one: choose a different prompt."
        )
    difference = end.double() - start.double()
    vector, distance = unit(difference, len(difference)), float(difference.norm())
    return Direction(
        "prompt", f"the way to {isolated(repr(other.prompt))}", vector, distance=distance
    )


def turned(start: Direction, spectrum: Spectrum, degrees: float, rank: int) -> Direction:
    """A direction turned towards an eigendirection, in the plane that the two span.

    By 90 degrees it becomes what is left of the eigenvector at right angles to it, the second axis of
    `region(state, start, eigenvector)`. Raises StabilityError if the two are parallel.
    """
    other = eigen(spectrum, rank).vector.to(start.vector)
    cosine = float(start.vector @ other)
    rest = other - cosine * start.vector
    if rest.norm() < PARALLEL:
        raise StabilityError(
            f"A direction must be turned towards one that is not parallel to it; received "
            f"{eigendirection(rank)}, of cosine {cosine:.9f}: choose another."
        )
    angle, label = math.radians(degrees), turned_label(start.label, degrees, rank)
    vector = math.cos(angle) * start.vector + math.sin(angle) * rest / rest.norm()
    return Direction("turn", label, unit(vector, len(vector)), warnings=start.warnings)


def _turned(turn: Turn, state: State, spectrum: Spectrum, source: Source) -> Direction:
    start = resolve(turn.start, state, spectrum, source)
    return turned(start, spectrum, turn.degrees, turn.rank)


def turned_on(
    spec: DirectionSpec, degrees: float, rank: int, state: State, spectrum: Spectrum, source: Source
) -> DirectionSpec:
    """The written form of a direction turned once more: turns towards one eigendirection add up."""
    turn = spec.argument
    if not isinstance(turn, Turn) or turn.rank != rank:
        return spec.turned(degrees, rank)
    start = resolve(turn.start, state, spectrum, source).vector
    other = eigen(spectrum, rank).vector.to(start)
    along = float(start @ other)
    aside = float((other - along * start).norm())
    angle = math.radians(turn.degrees)
    # seen from the turned direction, the eigenvector may lie on the other side
    is_ahead = math.cos(angle) * aside >= math.sin(angle) * along
    total = turn.degrees + (degrees if is_ahead else -degrees)
    return turn.start.turned(math.remainder(total, 360), rank)


# by kind: from a specification's argument, the state, its spectrum, and the source of other states
MAKERS: dict[str, Callable[[Any, State, Spectrum, Source], Direction]] = {
    "eig": lambda rank, _, spectrum, __: eigen(spectrum, rank),
    "random": lambda seed, state, *_: random(state, seed),
    "covariance": lambda seed, state, _, source: covariance_matched(
        state, source.background(state.site, state.pause), seed
    ),
    "tokens": lambda ids, state, *_: token_difference(state, *ids),
    "cheapest": lambda token, state, *_: cheapest(state, token),
    "prompt": lambda text, state, _, source: prompt_difference(
        state, source.capture(text, site=state.site)
    ),
    "file": lambda path, state, *_: from_file(state, path),
    "turn": _turned,
}


def resolve(spec: DirectionSpec, state: State, spectrum: Spectrum, source: Source) -> Direction:
    """The direction that a specification names at a state.

    Raises StabilityError if there is none: a rank that the spectrum does not hold, a token id outside
    the vocabulary, a prompt that leads to this very state, a file that holds no vector.
    """
    return MAKERS[spec.kind](spec.argument, state, spectrum, source)
