"""A text read with an intervention: what the unembedding is given, for any coefficient.

The blocks below the intervention, and the positions before it, are those of one recorded pass; where a
model does not reproduce its own output so, every pass is a whole one. Each runs on a private view of
the model: nothing is hooked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from jaxtyping import Float
from torch import Tensor

from stability.errors import StabilityError
from stability.models.checks import AGREEMENT, require_finite
from stability.models.forward_pass import ForwardPass, run_forward
from stability.models.network import Network
from stability.models.network_view import InjectingBlock, SkippedBlock, StandIn
from stability.steering.passes.intervention import Change, SteeredBlock
from stability.steering.passes.slope import forward_slope

TOKENS_AT_ONCE = 512  # of all rows together


@dataclass(frozen=True, eq=False)
class SteeredPass:
    """One text's passes with changes after some blocks.

    Attributes:
        forward_pass: the pass without them.
        changes: by block, ascending.
        start: the first position that is computed; those before are unchanged.
        whole: whether every pass begins with the token ids.
    """

    forward_pass: ForwardPass
    changes: Mapping[int, Change]
    start: int = 0
    whole: bool = False

    @property
    def rows(self) -> int:
        """How many coefficients are run together."""
        return max(TOKENS_AT_ONCE // (len(self.forward_pass.ids) - self.start), 1)

    def __call__(self, coefficients: Float[Tensor, " n"]) -> Float[Tensor, "n t D"]:
        """What the unembedding is given from `start` on, for each coefficient."""
        return self.run(self.stand_ins(coefficients), len(coefficients))

    def run(self, stand_ins: Mapping[str, StandIn], n: int) -> Float[Tensor, "n t D"]:
        """What the unembedding is given from `start` on, with modules in the place of blocks."""
        forward_pass = self.forward_pass
        ids = forward_pass.ids[self.start :].expand(n, -1)
        cache = forward_pass.cache_before(self.start, n) if self.start else None
        return forward_pass.network.prelogits(ids, stand_ins, cache, len(forward_pass.ids))

    def stand_ins(self, coefficients: Float[Tensor, " n"]) -> dict[str, StandIn]:
        """What takes the place of blocks, for each coefficient a row."""
        lowest = min(self.changes)
        stand_ins: dict[str, StandIn] = {}
        forward_pass = self.forward_pass
        blocks, others = forward_pass.blocks.items(), forward_pass.others
        for index, ((name, block), beside) in enumerate(zip(blocks, others, strict=True)):
            change = self.changes.get(index)
            if change is not None and (self.whole or index > lowest):
                stand_ins[name] = SteeredBlock(block, change, coefficients, self.start)
            elif change is not None:
                recorded = forward_pass.block_outputs[index][self.start :]
                stream = change(
                    recorded.expand(len(coefficients), -1, -1), coefficients, self.start
                )
                stand_ins[name] = InjectingBlock(block, stream, beside)
            elif index < lowest and not self.whole:
                stand_ins[name] = SkippedBlock(block, beside)
        return stand_ins


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


def recorded_pass(network: Network, ids: Tensor, start: int) -> ForwardPass:
    """The pass without changes, with what is left of the positions before `start`.

    Raises StabilityError where the model's blocks are no list of modules that run once each, or its
    output is not finite.
    """
    recorded = run_forward(network, ids, cached=start > 0)
    require_finite(recorded.prelogits, network.model, network.card)
    return recorded


def recorded_slope(
    network: Network, ids: Tensor, changes: Mapping[int, Change]
) -> tuple[ForwardPass, Float[Tensor, "1 T D"]] | None:
    """The recorded pass and `dy/dc` of what it gives, both from one; None where that does not work.

    Raises nothing: where it is None, what is wrong comes again from the pass alone.
    """
    recorded: list[ForwardPass] = []

    def steered(c: Float[Tensor, " 1"]) -> Tensor:
        [blocks] = network.block_lists
        names = list(blocks)
        stand_ins = {
            names[index]: SteeredBlock(blocks[names[index]], change, c)
            for index, change in changes.items()
        }
        recorded.append(run_forward(network, ids, cached=False, stand_ins=stand_ins))
        return recorded[0].prelogits[None]

    try:
        value, tangent = forward_slope(steered, ids.device)
    except (RuntimeError, ValueError, StabilityError):
        return None
    return (recorded[0], tangent) if value.isfinite().all() else None


def passes_above(
    recorded: ForwardPass, changes: Mapping[int, Change], start: int
) -> tuple[SteeredPass, ...]:
    """Passes that give the same, the shortest first and a whole one last.

    Which of them reproduces a model's own output is told by `reproduces`. Raises StabilityError for a
    vector of another width than the states have.
    """
    _require_widths(recorded, changes)
    whole = SteeredPass(recorded, changes, whole=True)
    above = replace(whole, whole=False)
    if not start or recorded.cache is None:
        return above, whole
    return replace(above, start=start), above, whole


def reproduces(steered: SteeredPass, unchanged: Float[Tensor, "1 t D"]) -> bool:
    """Whether what a pass gives at a coefficient of zero is the model's own output."""
    expected = steered.forward_pass.prelogits[steered.start :]
    error = (unchanged[0] - expected).norm(dim=-1) / expected.norm(dim=-1)
    return bool((error <= AGREEMENT).all())


def _require_widths(recorded: ForwardPass, changes: Mapping[int, Change]) -> None:
    for block, change in changes.items():
        width = recorded.block_outputs[block].shape[-1]
        change.require_width(width, f"block:{block} of {recorded.network.card.name}")
