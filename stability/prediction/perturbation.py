"""The prediction after perturbations of a state, at any site, by running the network above it."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from stability.errors import StabilityError
from stability.prediction import distribution
from stability.prediction.state import State

EVALUATIONS_KEPT = 4
PERTURBATIONS_AT_ONCE = 64  # each with a float64 for every token
COLUMNS_AT_ONCE = 128  # of a product that serves several states


@dataclass(frozen=True, eq=False)
class Perturbed:
    """The predictions after a batch of perturbations of a state.

    `displacement` is how far each moves the vector given to the readout; `mean_shift` is that of the
    logits under `p`; `kl` is in nats; `argmax` holds token ids.
    """

    state: State
    displacement: Float[Tensor, "n D"]
    mean_shift: Float[Tensor, " n"]
    kl: Float[ndarray, " n"]
    argmax: Int[ndarray, " n"]

    def lead(self, first: Int[ndarray, " n"], second: Int[ndarray, " n"]) -> Float[ndarray, " n"]:
        """How far one token's logit, before any soft-capping, is above another's, row by row."""
        readout, z = self.state.readout, self.state.uncapped_logits
        i, j = torch.from_numpy(first), torch.from_numpy(second)
        rows = readout.scale * (readout.W_U[i].double() - readout.W_U[j].double())
        return (z[i] - z[j] + (self.displacement * rows).sum(dim=1)).cpu().numpy()

    def uncapped(self, tokens: Int[ndarray, " m"]) -> Float[Tensor, "n m"]:
        """Logits of some tokens before any soft-capping: their order is that of the logits."""
        readout, index = self.state.readout, torch.from_numpy(tokens)
        rows = readout.scale * readout.W_U[index]
        shift = self.displacement.to(rows) @ rows.T  # as all products with W_U in its own float32
        return self.state.uncapped_logits[index] + shift.double()

    def probabilities(self, tokens: Int[ndarray, " m"]) -> Float[ndarray, "m n"]:
        """Probabilities of some tokens, `p_i exp(shift_i − E_p[shift] − KL)`."""
        state, index = self.state, torch.from_numpy(tokens)
        logits = state.readout.cap(self.uncapped(tokens))
        kl = torch.from_numpy(self.kl).to(logits)
        log_q = (
            state.log_probs[index] + logits - state.logits[index] - (self.mean_shift + kl)[:, None]
        )
        return log_q.exp().T.cpu().numpy()


class RecentEvaluations:
    """Memoise an expensive function of an array of points, for the last four arrays."""

    def __init__(self, evaluate: Callable[[Float[ndarray, " n"]], Perturbed]) -> None:
        @lru_cache(EVALUATIONS_KEPT)
        def memoised(points: bytes) -> Perturbed:
            return evaluate(np.frombuffer(points).copy())

        self._memoised = memoised

    def __call__(self, points: Float[ndarray, " n"]) -> Perturbed:
        """The predictions at the points."""
        return self._memoised(np.asarray(points, dtype=float).tobytes())


def perturb(state: State, perturbations: Float[Tensor, "n d"]) -> Perturbed:
    """The prediction at `vector + δ` for every row `δ`, by running the network above the site.

    Logits shift by `W_U` times the displacement of the vector given to the readout, so that small
    divergences keep the digits that the network's float32 leaves them.
    """
    parts = [_perturbed(state, part) for part in perturbations.split(PERTURBATIONS_AT_ONCE)]
    displacement, *found = (torch.cat(part) for part in zip(*parts, strict=True))
    mean_shift, kl, argmax = found
    return Perturbed(state, displacement, mean_shift, kl.cpu().numpy(), argmax.cpu().numpy())


def _perturbed(state: State, perturbations: Float[Tensor, "n d"]) -> tuple[Tensor, ...]:
    """How far each perturbation moves the vector given to the readout, and its `_divergences`."""
    displacement = displacements(state, perturbations)
    shift = state.readout.slopes(displacement.T).T.contiguous()
    return displacement, *_divergences(state, shift)


def displacements(state: State, perturbations: Float[Tensor, "n d"]) -> Float[Tensor, "n D"]:
    """How far each perturbation moves the vector given to the readout, float64.

    Raises StabilityError where the network's output is not finite.
    """
    state.pause()
    if state.above is None:
        return perturbations.double()
    if not len(perturbations):  # networks do not run on nothing
        return state.prelogit.double()[None][:0]
    with torch.no_grad():
        perturbed = state.above(state.vector.double() + perturbations)
    bad = int((~perturbed.isfinite().all(dim=1)).sum())
    if bad:
        raise StabilityError(
            f"A network's output must be finite; after {bad} of {len(perturbed)} perturbations it is "
            f"not, the longest of {float(perturbations.norm(dim=1).max()):.3g}: stay nearer."
        )
    return perturbed.double() - state.prelogit.double()


def perturb_each(
    states: Sequence[State], displacements: Sequence[Float[Tensor, "_ D"]]
) -> Iterator[tuple[Perturbed, Float[Tensor, "_ V"]]]:
    """The predictions of states at the readout after displacements of each, and the logits' shifts.

    One product with `W_U` serves the displacements of many states: alone, each would read all of it.
    """
    lengths = [len(part) for part in displacements]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    batch = np.searchsorted(starts, np.arange(0, starts[-1], COLUMNS_AT_ONCE), side="right") - 1
    for first, last in itertools.pairwise([*dict.fromkeys(batch.tolist()), len(states)]):
        parts = displacements[first:last]
        shifts = states[0].readout.shifts(torch.cat([*parts])).split(lengths[first:last])
        for state, part, shift in zip(states[first:last], parts, shifts, strict=True):
            mean_shift, kl, argmax = _divergences(state, shift)
            found = Perturbed(
                state, part.double(), mean_shift, kl.cpu().numpy(), argmax.cpu().numpy()
            )
            yield found, state.readout.capped_shift(state.uncapped_logits, shift)


def _divergences(state: State, shift: Float[Tensor, "n V"]) -> tuple[Tensor, Tensor, Tensor]:
    """Mean shift, divergence and most likely token of shifts of the logits before soft-capping."""
    mean_shift, kl = distribution.divergence(
        state.log_probs, state.readout.capped_shift(state.uncapped_logits, shift)
    )
    return mean_shift, kl, distribution.argmax(state.uncapped_logits + shift)
