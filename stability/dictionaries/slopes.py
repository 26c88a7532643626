"""The law of the slope along many directions at once, in one product with `W_U`, a tile at a time.

Along a direction that moves the vector given to the readout by `y`, the logits move by `a = s·W_U
y`, slowed by soft-capping. Products are with `w_i − w_top`, so that neither what all rows have in
common nor a row that equals that of the most likely token costs digits; that token's own `a_c`,
`s·(w_top − μ)·y`, is known beforehand. The variance `vᵀHv = Σ p_i a_c,i²`, both ends of `a_c`, the
tokens that gain most and the first change of the most likely token then follow tile by tile: a
vocabulary by a dictionary is never held.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from stability.curvature.row_spread import mean_offset
from stability.dictionaries.leaders import Leaders
from stability.prediction.state import State

TOKENS_AT_ONCE = 2048  # whose slopes a processor's cache holds
KEPT = 5  # tokens of each kind on each side
LEAST_GAP = 1e-30  # nats, of a token that ties: a product divided by it stays in range of float32
SIDES = (-1.0, 1.0)  # minus, plus


@dataclass(frozen=True, eq=False)
class SlopeLaws:
    """What is kept of the slopes along `n` directions; sides are (minus, plus), ids −1 where none is.

    Attributes:
        variance: `E_p[a_c²]`, the curvature, (n,).
        steepest: the tokens whose logits rise fastest, (n, 2, k), the fastest first.
        rises: their `±a_c`.
        pushed: the tokens that gain most probability, (n, 2, k).
        rates: their `±p a_c`.
        flip: the token that is the most likely next, where logits before capping are linear, (n, 2).
        flip_distances: where it takes over; infinite where none does.
    """

    variance: Float[ndarray, " n"]
    steepest: Int[ndarray, "n 2 k"]
    rises: Float[ndarray, "n 2 k"]
    pushed: Int[ndarray, "n 2 k"]
    rates: Float[ndarray, "n 2 k"]
    flip: Int[ndarray, "n 2"]
    flip_distances: Float[ndarray, "n 2"]

    def __getitem__(self, rows: Int[ndarray, " m"]) -> "SlopeLaws":
        """Those of some directions."""
        return SlopeLaws(*(part[rows] for part in self._parts))

    @property
    def _parts(self) -> tuple[ndarray, ...]:
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)

    @staticmethod
    def joined(laws: "list[SlopeLaws]") -> "SlopeLaws":
        """Those of several parts of a dictionary, one after the other."""
        return SlopeLaws(*map(np.concatenate, zip(*(law._parts for law in laws), strict=True)))


@dataclass(frozen=True, eq=False)
class SlopeStream:
    """The tokens of a state at the readout, the likeliest first, to go through for many directions."""

    state: State

    @cached_property
    def order(self) -> Int[Tensor, " V"]:
        """All tokens: the most likely one, then the others by falling probability."""
        top, ranked = self.state.argmax, self.state.probs.argsort(descending=True, stable=True)
        # soft-capping may give several tokens one probability
        return torch.cat([ranked[ranked == top], ranked[ranked != top]])

    @cached_property
    def probs(self) -> Float[Tensor, " V"]:
        """`p` in this order."""
        return self.state.probs[self.order]

    @cached_property
    def _second(self) -> float:
        """The probability of the second token; 0 where there is none."""
        return float(self.probs[1:].max()) if len(self.probs) > 1 else 0.0

    @cached_property
    def _weights(self) -> Float[Tensor, " V"]:
        """`p` against that of the second token, in the precision of `W_U`; none for the first."""
        weights = self.probs / max(self._second, torch.finfo(torch.float64).tiny)
        weights[0] = 0
        return weights.to(self.state.readout.W_U)

    @cached_property
    def _nearness(self) -> Float[Tensor, " V"]:
        """One over how far each logit, before capping, is below the largest."""
        z = self.state.uncapped_logits[self.order]
        return (1 / (z[0] - z).clamp_min(LEAST_GAP)).to(self.state.readout.W_U)

    @cached_property
    def _offset(self) -> Float[Tensor, " D"]:
        return mean_offset(self.state)

    def laws(self, moved: Float[Tensor, "b D"]) -> SlopeLaws:
        """The law of the slope for each direction, by how it moves the vector given to the readout."""
        readout, capping = self.state.readout, self.state.cap_slope
        vectors = readout.scale * moved.to(readout.W_U)
        top_row = readout.W_U[self.state.argmax]
        top = (moved @ -self._offset)[:, None].to(vectors)
        b, variance = len(moved), torch.zeros(len(moved), dtype=torch.float64, device=moved.device)
        rising, pushed, ahead = (
            [Leaders(b, KEPT, like) for _ in SIDES] for like in (vectors, moved, vectors)
        )
        for first in range(0, len(self.order), TOKENS_AT_ONCE):
            tile = slice(first, first + TOKENS_AT_ONCE)
            slopes = vectors @ (readout.W_U[self.order[tile]] - top_row).T
            leads = slopes * self._nearness[tile]
            if capping is not None:
                slowed = capping[self.order[tile]]
                slopes *= slowed.to(slopes)
                lost = (slowed - capping[self.state.argmax]).to(slopes)
                slopes += (vectors @ top_row)[:, None] * lost
            slopes += top
            variance += (slopes.square() @ self._weights[tile]).double()
            likeliest = float(self.probs[tile].max())
            for sign, rises, gains, wins in zip(SIDES, rising, pushed, ahead, strict=True):
                most = slopes.amax(dim=1) if sign > 0 else -slopes.amin(dim=1)
                rows = rises.open(most)
                rises.offer(rows, sign * slopes[rows], first)
                rows = gains.open(most.double() * likeliest)
                gains.offer(rows, sign * slopes[rows].double() * self.probs[tile], first)
                rows = wins.open(leads.amax(dim=1) if sign > 0 else -leads.amin(dim=1))
                wins.offer(rows, sign * leads[rows], first)
        variance = self._second * variance + self.probs[0] * top[:, 0].double().square()
        (steepest, fastest), (gaining, rates) = map(self._tokens, (rising, pushed))
        flip, flip_distances = self._flips(moved, self._tokens(ahead)[0])
        return SlopeLaws(
            variance.cpu().numpy(), steepest, fastest, gaining, rates, flip, flip_distances
        )

    def _flips(
        self, moved: Float[Tensor, "b D"], ids: Int[ndarray, "b 2 k"]
    ) -> tuple[Int[ndarray, "b 2"], Float[ndarray, "b 2"]]:
        """The first to take over of a few that lead, and where, in float64; of a tie the steepest."""
        readout, z = self.state.readout, self.state.uncapped_logits
        tokens = torch.from_numpy(ids).to(moved.device)
        top_row, signs = readout.W_U[self.state.argmax].double(), torch.tensor(SIDES).to(moved)
        leads, gaps = (
            torch.zeros_like(tokens, dtype=torch.float64),
            z[self.state.argmax] - z[tokens],
        )
        for place in range(tokens.shape[-1]):
            rows = readout.W_U[tokens[..., place]].double() - top_row
            leads[..., place] = readout.scale * signs * torch.einsum("bsd,bd->bs", rows, moved)
        takes_over = (tokens >= 0) & (leads > 0)
        distances = torch.where(takes_over, gaps / leads, torch.inf).cpu().numpy()
        best = np.lexsort((ids, -leads.cpu().numpy(), distances), axis=-1)[..., :1]
        nearest = np.take_along_axis(distances, best, axis=-1)[..., 0]
        winner = np.take_along_axis(ids, best, axis=-1)[..., 0]
        return np.where(np.isfinite(nearest), winner, -1), nearest

    def _tokens(
        self, sides: list[Leaders]
    ) -> tuple[Int[ndarray, "b 2 k"], Float[ndarray, "b 2 k"]]:
        """The ids of what was kept, −1 where there is no gain, and the gains."""
        values = torch.stack([side.values for side in sides], dim=1).double()
        columns = torch.stack([side.columns for side in sides], dim=1)
        ids = torch.where(values > 0, self.order[columns.clamp_min(0)], -1)
        return ids.cpu().numpy(), values.clamp_min(0).cpu().numpy()
