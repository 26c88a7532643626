"""The stable radius of every token of a prompt, from one forward pass.

All positions share each read of `W_U`: their blocks of vectors stand side by side in one product.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from stability import fisher
from stability.spectra import TOLERANCE, rayleigh_ritz, settled
from stability.state import State

AT_ONCE = 16  # positions whose blocks are multiplied together
BLOCK = 4
HEAD = 256
PASSES = 8


@dataclass(frozen=True, eq=False)
class TokenMap:
    """What each position of a prompt is like: its largest eigenvalue of `H`, and its entropy."""

    eigenvalues: Float[Tensor, " T"]
    entropies: Float[Tensor, " T"]

    def radii(self, epsilon: float) -> list[float | None]:
        """The shortest predicted radius of each position, along its own top eigendirection."""
        return [fisher.radius(value, epsilon) for value in self.eigenvalues.tolist()]


def token_map(states: Sequence[State]) -> TokenMap:
    """The largest eigenvalue of `H` at every state, by block iteration of all side by side.

    Passes go on until the estimated relative error `‖r‖²/(θ₁(θ₁ − θ_b))` of each is below 1e-4.
    """
    chunks = [states[i : i + AT_ONCE] for i in range(0, len(states), AT_ONCE)]
    eigenvalues = torch.cat([_top_eigenvalues(chunk) for chunk in chunks])
    entropies = torch.tensor([state.entropy for state in states], dtype=torch.float64)
    return TokenMap(eigenvalues, entropies)


def _top_eigenvalues(states: Sequence[State]) -> Float[Tensor, " T"]:
    blocks = torch.stack([_head_block(state) for state in states])
    for _ in range(PASSES):
        images = _products(states, blocks)
        ritz, _, remainder = rayleigh_ritz(blocks, images)
        if settled(ritz, remainder, 1, TOLERANCE):
            break
        blocks = torch.linalg.qr(images).Q
    return ritz[:, 0].clamp_min(0)


def _head_block(state: State) -> Float[Tensor, "d b"]:
    """Top eigenvectors of the part of `H` that the most probable tokens make."""
    fisher.require_linear(state)
    W_U = state.readout.W_U
    p, head = state.probs.topk(min(HEAD, len(W_U)))
    rows = W_U[head].double() - W_U[state.argmax].double()
    rows = (rows - p @ rows) * p.sqrt()[:, None]
    _, vectors = torch.linalg.eigh(rows @ rows.T)
    return torch.linalg.qr(rows.T @ vectors[:, -BLOCK:]).Q


def _products(states: Sequence[State], blocks: Float[Tensor, "T d b"]) -> Float[Tensor, "T d b"]:
    """`H V` at every state, in two reads of `W_U` for all of them together."""
    readout = states[0].readout
    slopes = readout.slopes(torch.cat([*blocks], dim=1))
    for state, own in zip(states, slopes.split(blocks.shape[2], dim=1), strict=True):
        fisher.centre(own, state.probs, state.argmax).mul_(state.probs[:, None])
    return torch.stack(readout.pull_back(slopes).split(blocks.shape[2], dim=1))
