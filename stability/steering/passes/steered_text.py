"""The predictions at every position of a text, under a steering vector with any coefficient."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy import ndarray
from torch import Tensor

from stability.curvature import fisher
from stability.errors import StabilityError
from stability.prediction import distribution
from stability.prediction.conversation import PromptLike
from stability.prediction.perturbation import Perturbed, perturb_each
from stability.prediction.provenance import Token
from stability.prediction.state import State
from stability.steering.passes.intervention import coefficients_in
from stability.steering.passes.slope import slope
from stability.steering.passes.steered_pass import ReadoutChange, SteeredPass, reproduces


@dataclass(frozen=True, eq=False)
class SteeredText:
    """One prompt under one steering vector.

    Attributes:
        prompt: the text, or the conversation.
        states: at the readout, one for each position, without the vector.
        passes: what gives the vectors that the readout is given, for coefficients: see `steered`.
        start: the first position that anything changes at.
        reach: the coefficient at which the change is as long as the states that it changes, of all
            sites together, in the mean square; but for the first token's, where others are changed too.
        known: `dy/dc` of all positions, where reading the text has given it.
    """

    prompt: PromptLike
    states: tuple[State, ...]
    passes: tuple[SteeredPass, ...] | ReadoutChange
    start: int
    reach: float
    known: Float[Tensor, "1 T D"] | None = field(default=None, repr=False)

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The tokens of the prompt."""
        return self.states[0].tokens

    @property
    def steered(self) -> SteeredPass | ReadoutChange:
        """The shortest pass that reproduces the model's own output where nothing is changed."""
        return self._product[0]

    @cached_property
    def _product(self) -> tuple[SteeredPass | ReadoutChange, Tensor]:
        """That pass, and `dy/dc` of what it gives, from one product that also says which it is."""
        device = self.states[0].vector.device
        if isinstance(self.passes, ReadoutChange):
            return self.passes, slope(self.passes, device)[1]
        *shorter, whole = self.passes
        for steered in shorter:
            # what fails here is tried with more of the network
            with suppress(StabilityError):
                unchanged, tangent = self._at_zero(steered, device)
                if reproduces(steered, unchanged):
                    return steered, tangent
        return whole, self._at_zero(whole, device)[1]

    def _at_zero(self, steered: SteeredPass, device: torch.device) -> tuple[Tensor, Tensor]:
        """What a pass gives at `c = 0`, and how fast it moves there."""
        if self.known is None:
            return slope(steered, device)
        with torch.no_grad():
            return steered(torch.zeros(1, dtype=torch.float64, device=device)), self.known

    @property
    def _tangent(self) -> Float[Tensor, "t D"]:
        """`dy/dc` from position `first` on."""
        [tangent] = self._product[1] if self.known is None else self.known
        return tangent

    @cached_property
    def information(self) -> Float[ndarray, " T"]:
        """`I = Var_p(dz/dc)` at every position: the scalar Fisher information of the coefficient."""
        information = np.zeros(len(self.states))
        # one product for all positions: alone, each would read all of W_U
        slopes = self.states[0].readout.shifts(self._tangent)
        for position, row in enumerate(slopes, start=self.first):
            state = self.states[position]
            capped = row if state.cap_slope is None else row.mul_(state.cap_slope)
            centred = fisher.centred(state, capped[:, None])
            information[position] = float(fisher.projected_hessian(state.probs, centred))
        return information

    def slopes(self, position: int) -> Float[Tensor, " V"]:
        """`dz/dc` at a position: how fast each logit moves, before any soft-capping."""
        state = self.states[position]
        if position < self.first:
            return torch.zeros_like(state.uncapped_logits)
        return state.readout.shifts(self._tangent[position - self.first])

    def vectors(
        self, coefficients: Sequence[float] | Float[ndarray, " n"]
    ) -> Float[Tensor, "n t D"]:
        """The vectors that the readout is given at coefficients, from position `first` on.

        Raises StabilityError for no coefficients, and for those that are not finite.
        """
        device = self.states[0].vector.device
        c = torch.from_numpy(coefficients_in(coefficients)).to(device)
        with torch.no_grad():
            return torch.cat([self.steered(part) for part in c.split(self.steered.rows)])

    @property
    def first(self) -> int:
        """The first position of `vectors`; those before are unchanged."""
        return self.steered.start if self.start else 0

    def read(
        self, vectors: Float[Tensor, "n t D"], wanted: Mapping[int, Sequence[int]]
    ) -> Iterator[tuple[int, Perturbed, Float[Tensor, "_ V"]]]:
        """The predictions of positions, each for some rows of `vectors`, and shifts of their logits.

        Raises StabilityError where the network's output is not finite.
        """
        moved = [self._displacement(position, vectors[rows]) for position, rows in wanted.items()]
        states = [self.states[position] for position in wanted]
        for position, (perturbed, shift) in zip(wanted, perturb_each(states, moved), strict=True):
            _require_finite(np.isfinite(perturbed.kl))
            yield position, perturbed, shift

    def _displacement(self, position: int, vectors: Float[Tensor, "n t D"]) -> Float[Tensor, "n D"]:
        original = self.states[position].vector.double()
        if position < self.first:
            return torch.zeros(len(vectors), len(original), dtype=torch.float64).to(original)
        here = vectors[:, position - self.first].double()
        _require_finite(here.isfinite().all(dim=1).cpu().numpy())
        return here - original

    def divergences(
        self, coefficients: Sequence[float] | Float[ndarray, " n"], reverse: bool = False
    ) -> Float[ndarray, "T n"]:
        """KL(original ‖ changed) at every position for each coefficient, or the other way round."""
        rows = range(len(coefficients))
        everywhere = dict.fromkeys(range(len(self.states)), rows)
        found = self.read(self.vectors(coefficients), everywhere)
        return np.stack(
            [reverse_kl(each, shift) if reverse else each.kl for _, each, shift in found]
        )


def _require_finite(finite: Bool[ndarray, " n"]) -> None:
    """Raise StabilityError unless what a network gives is finite at every coefficient."""
    if not finite.all():
        raise StabilityError(
            f"A network's output must be finite; at {(~finite).sum()} of {len(finite)} coefficients it "
            "is not: stay nearer."
        )


def reverse_kl(perturbed: Perturbed, shift: Float[Tensor, "n V"]) -> Float[ndarray, " n"]:
    """KL(changed ‖ original), from the same law of the logits' shifts."""
    kl = torch.from_numpy(perturbed.kl).to(shift)
    log_p = perturbed.state.log_probs
    return distribution.reverse_divergence(log_p, shift, perturbed.mean_shift, kl).cpu().numpy()
