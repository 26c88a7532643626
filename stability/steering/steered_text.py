"""The predictions at every position of a text, under a steering vector with any coefficient."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from stability.curvature import fisher
from stability.errors import StabilityError
from stability.models.checks import require_finite, require_float32
from stability.models.language_model import LanguageModel
from stability.prediction import distribution
from stability.prediction.conversation import PromptLike
from stability.prediction.perturbation import Perturbed, perturb
from stability.prediction.provenance import Token
from stability.prediction.state import State
from stability.steering.intervention import Change, Positions, resolve_positions
from stability.steering.slope import slope
from stability.steering.steered_pass import SteeredPass, steered_pass
from stability.vector_files.steering_vector import SteeringVector


@dataclass(frozen=True, eq=False)
class SteeredText:
    """One prompt under one steering vector.

    Attributes:
        prompt: the text, or the conversation.
        states: at the readout, one for each position, without the vector.
        steered: the vectors that the readout is given, for coefficients.
        start: the first position that anything changes at.
        reach: the coefficient at which the change is as long as the states that it changes, in the
            mean square over all positions but the first.
    """

    prompt: PromptLike
    states: tuple[State, ...]
    steered: "SteeredPass | ReadoutChange"
    start: int
    reach: float

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The tokens of the prompt."""
        return self.states[0].tokens

    @cached_property
    def information(self) -> Float[ndarray, " T"]:
        """`I = Var_p(dz/dc)` at every position: the scalar Fisher information of the coefficient."""
        device = self.states[0].vector.device
        [tangent] = slope(self.steered, device)
        found = np.zeros(len(self.states))
        for position, moved in enumerate(tangent.double(), start=self.first):
            if moved.any():
                state = self.states[position]
                slopes = fisher.centred_slopes(state, moved[:, None])
                found[position] = float(fisher.projected_hessian(state.probs, slopes))
        return found

    def vectors(
        self, coefficients: Sequence[float] | Float[ndarray, " n"]
    ) -> Float[Tensor, "n t D"]:
        """The vectors that the readout is given at coefficients, from position `first` on."""
        device = self.states[0].vector.device
        c = torch.from_numpy(np.asarray(coefficients, dtype=float)).to(device)
        with torch.no_grad():
            return torch.cat([self.steered(part) for part in c.split(self.steered.rows)])

    @property
    def first(self) -> int:
        """The first position of `vectors`; those before are unchanged."""
        return self.steered.start

    def perturbed(self, position: int, vectors: Float[Tensor, "n t D"]) -> Perturbed:
        """The predictions at one position, for some rows of `vectors`.

        Raises StabilityError where the network's output is not finite.
        """
        state = self.states[position]
        if position < self.first:
            return perturb(state, state.vector.double().expand(len(vectors), -1) * 0)
        here = vectors[:, position - self.first].double()
        bad = int((~here.isfinite().all(dim=1)).sum())
        if bad:
            raise StabilityError(
                f"A network's output must be finite; at {bad} of {len(here)} coefficients it is not: "
                "stay nearer."
            )
        return perturb(state, here - state.vector.double())

    def predictions(
        self, coefficients: Sequence[float] | Float[ndarray, " n"]
    ) -> tuple[Perturbed, ...]:
        """The predictions at every position, for each coefficient."""
        vectors = self.vectors(coefficients)
        return tuple(self.perturbed(position, vectors) for position in range(len(self.states)))


def reverse_kl(perturbed: Perturbed) -> Float[ndarray, " n"]:
    """KL(changed ‖ original), from the same law of the logits' shifts."""
    state, readout = perturbed.state, perturbed.state.readout
    shift = readout.slopes(perturbed.displacement.T).T
    if readout.softcap is not None:
        shift = readout.cap(state.uncapped_logits + shift) - state.logits
    kl = torch.from_numpy(perturbed.kl).to(shift)
    found = distribution.reverse_divergence(state.log_probs, shift, perturbed.mean_shift, kl)
    return found.cpu().numpy()


@dataclass(frozen=True, eq=False)
class ReadoutChange:
    """A change of the vectors that the unembedding is given themselves: no network is run."""

    prelogits: Float[Tensor, "t D"]
    change: Change
    start: int = 0
    rows: int = 64

    def __call__(self, coefficients: Float[Tensor, " n"]) -> Float[Tensor, "n t D"]:
        """The changed vectors, for each coefficient, in float64."""
        stream = self.prelogits.double().expand(len(coefficients), -1, -1)
        return self.change(stream, coefficients)


def steered_text(
    lm: LanguageModel, prompt: PromptLike, vector: SteeringVector, positions: Positions = "all"
) -> SteeredText:
    """Read a prompt once, and prepare it for a steering vector at some of its positions.

    Raises StabilityError where the model has no such site, or another width there; in half precision
    below the readout; and where the readout and a block are changed together.
    """
    tokens = lm.tokenize(prompt)
    chosen = resolve_positions(positions, len(tokens))
    start = 0 if chosen is None else chosen[0]
    device = lm.model.device
    changes = {
        lm.block(site): Change(torch.from_numpy(values).to(device), vector.mode, chosen)
        for site, values in vector.vectors.items()
    }
    steered: SteeredPass | ReadoutChange
    if None in changes:
        prelogits, stream = _at_readout(lm, tokens, changes)
        steered = ReadoutChange(prelogits, changes[None])
        streams = [(stream, changes[None])]
    else:
        require_float32(lm.card)
        blocks = {block: change for block, change in sorted(changes.items()) if block is not None}
        steered = steered_pass(lm.network, lm.network.ids(tokens), blocks, start)
        prelogits = steered.forward_pass.prelogits
        streams = [
            (steered.forward_pass.block_outputs[block], change) for block, change in blocks.items()
        ]
    states = tuple(
        State(row.float(), lm.readout, prompt, tokens, index, "prelogit", lm.card, lm.text)
        for index, row in enumerate(prelogits)
    )
    return SteeredText(prompt, states, steered, start, max(_reach(*each) for each in streams))


def _at_readout(
    lm: LanguageModel, tokens: tuple[Token, ...], changes: dict[int | None, Change]
) -> tuple[Tensor, Tensor]:
    if len(changes) > 1:
        raise StabilityError(
            "A steering vector must be applied after blocks or at the readout; received both: give one."
        )
    with torch.inference_mode(False), torch.no_grad():
        [prelogits] = lm.network.prelogits(lm.network.ids(tokens)[None]).float()
    require_finite(prelogits, lm.model, lm.card)
    width, received = prelogits.shape[1], len(changes[None].vector)
    if width != received:
        raise StabilityError(
            f"A steering vector must have as many components as the state that it changes, {width} at "
            f"prelogit of {lm.card.name}; received {received}: use a vector made for this model."
        )
    return prelogits, prelogits


def _reach(stream: Float[Tensor, "T d"], change: Change) -> float:
    """The coefficient at which a change is as long as what it changes, but for the first token."""
    states = (stream[1:] if len(stream) > 1 else stream).double()
    lengths, changes = states.norm(), change.of(states).norm()
    return float(lengths / changes) if changes > 0 else 0.0
