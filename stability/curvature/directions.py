"""Directions of every kind, each made by one function.

Isotropic random directions have been found far less sensitive than directions drawn from the
covariance of the model's own states (Lee and Heimersheim, arXiv 2410.12555); both are here. `resolve`
chooses by the written form.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from stability.arguments import whole
from stability.curvature.direction import Direction, unit
from stability.curvature.direction_spec import DirectionSpec, eigendirection
from stability.curvature.spectrum import Spectrum
from stability.errors import StabilityError
from stability.prediction.source import Source
from stability.prediction.state import State
from stability.text import isolated
from stability.vector_files.choice import choose
from stability.vector_files.registry import parse_vectors, read_vectors, split_name
from stability.vector_files.vector_file import VectorFile


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
    return Direction(
        "random", f"random, seed {seed}", unit(draw.to(state.vector.device), len(draw))
    )


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
    draw = np.random.default_rng(whole(seed, "A seed", least=0))
    # Xᵀg/√n has the covariance S, also where S is singular and has no Cholesky factor
    sampled = draw.standard_normal(len(X)) @ X * np.sqrt((1 - shrinkage) / len(X))
    isotropic = draw.standard_normal(X.shape[1]) * np.sqrt(shrinkage / X.size) * np.linalg.norm(X)
    vector = torch.from_numpy(sampled + isotropic).to(state.vector.device)
    return Direction("covariance", f"covariance-matched, seed {seed}", unit(vector, state.width))


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
            f"({state.text(a)!r}) and {b} ({state.text(b)!r}): choose another."
        )
    label = " → ".join(isolated(repr(state.text(token))) for token in (a, b))
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
    if torch.equal(state.vector, other.vector):
        raise StabilityError(
            f"The other prompt must lead to another state; received {other.prompt!r}, whose state "
            "is this one: choose a different prompt."
        )
    difference = other.vector.double() - state.vector.double()
    vector, distance = unit(difference, len(difference)), float(difference.norm())
    return Direction("prompt", f"towards {isolated(repr(other.prompt))}", vector, distance=distance)


def from_file(state: State, path: str | Path) -> Direction:
    """The direction of the vector that a file has for the state's site, or of `FILE#NAME`."""
    file, name = split_name(str(path))
    return _chosen(state, read_vectors(file), name)


def pasted(state: State, data: bytes, name: str = "pasted vector") -> Direction:
    """The direction of a vector given as the content of such a file, labelled `name`."""
    return _chosen(state, parse_vectors(data, name), None)


def _chosen(state: State, file: VectorFile, name: str | None) -> Direction:
    chosen = choose(file, state.model.n_layers, name, state.site)
    [values] = chosen.vectors.values()
    vector = torch.from_numpy(values).to(state.vector.device)
    label = file.file if name is None else f"{file.file}#{name}"
    return Direction("file", label, unit(vector, state.width))


# by kind: from a specification's argument, the state, its spectrum, and the source of other states
MAKERS: dict[str, Callable[[Any, State, Spectrum, Source], Direction]] = {
    "eig": lambda rank, _, spectrum, __: eigen(spectrum, rank),
    "random": lambda seed, state, *_: random(state, seed),
    "covariance": lambda seed, state, _, source: covariance_matched(
        state, source.background(state.site), seed
    ),
    "tokens": lambda ids, state, *_: token_difference(state, *ids),
    "prompt": lambda text, state, _, source: prompt_difference(
        state, source.capture(text, site=state.site)
    ),
    "file": lambda path, state, *_: from_file(state, path),
}


def resolve(spec: DirectionSpec, state: State, spectrum: Spectrum, source: Source) -> Direction:
    """The direction that a specification names at a state.

    Raises StabilityError if there is none: a rank that the spectrum does not hold, a token id outside
    the vocabulary, a prompt that leads to this very state, a file that holds no vector.
    """
    return MAKERS[spec.kind](spec.argument, state, spectrum, source)
