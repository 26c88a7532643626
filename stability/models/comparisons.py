"""What a loaded model must satisfy, as numbers: each comparison gives an error and its limit."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from stability.errors import StabilityError
from stability.models.checks import require_finite
from stability.models.language_model import LanguageModel

# below any length that is told from 0
TINY = torch.finfo(torch.float64).tiny
# positions whose logits are compared at once, and tokens of a text that is read more than once
FEW = 32
# How far rounding moves logits, relative to the largest: a product of a thousand terms accumulates
# about the root of their number of float32 roundings.
ROUNDING = 68 * torch.finfo(torch.float32).eps
UNSUPPORTED = "this architecture is not supported; please report it"


@dataclass(frozen=True)
class Comparison:
    """Two values of one quantity, computed in two ways.

    Attributes:
        name: the quantity.
        error: how far apart the two are, in `unit`.
        limit: how far apart rounding may bring them; None where it has no limit.
        unit: of the error and the limit; `relative` for a ratio.
        demand: what must hold, for a person who is told that it does not.
        remedy: what to do then.

    >>> from stability import Comparison
    >>> Comparison("trace", 1e-6, 1e-4, "relative", "The trace must be the sum", "report it").holds
    True
    """

    name: str
    error: float
    limit: float | None
    unit: str
    demand: str
    remedy: str

    @property
    def holds(self) -> bool:
        """Whether the error is within the limit; NaN is not."""
        return self.limit is None or self.error <= self.limit


def require(comparison: Comparison, lm: LanguageModel) -> None:
    """Raise StabilityError with the number of a comparison that does not hold."""
    if comparison.limit is not None and not comparison.holds:
        unit = "" if comparison.unit == "relative" else f" {comparison.unit}"
        raise StabilityError(
            f"{comparison.demand} to {comparison.limit:.1e}{unit}; for {lm.card.name!r} "
            f"({type(lm.model).__name__}) it is off by {comparison.error:.1e}: {comparison.remedy}."
        )


def some_ids(lm: LanguageModel) -> Int[Tensor, "1 n"]:
    """A few token ids that every vocabulary has, as many as the context holds."""
    return torch.arange(4, 12)[None, : lm.context] % lm.readout.vocab_size


def readout_comparison(
    lm: LanguageModel, ids: Int[Tensor, "1 n"], vectors: Float[Tensor, "n d"]
) -> Comparison:
    """Compare the readout of the vectors captured of a text with the model's own logits.

    Returns:
        The comparison; an architecture that treats its logits in an unknown way must fail it, for
        everything drawn of it would be wrong.
    """
    with torch.inference_mode():
        expected = lm.network.logits(ids.to(lm.network.device))[0]
    require_finite(expected, lm.model, lm.card)
    # in parts: a long text's logits in float64 take gigabytes
    parts = zip(vectors.split(FEW), expected.split(FEW), strict=True)
    error = max(float((lm.readout.logits(y) - z).abs().max()) for y, z in parts)
    return Comparison(
        name="logits against the model's own",
        error=error / (float(expected.abs().max()) or 1.0),
        limit=ROUNDING,
        unit="relative",
        demand="The readout must reproduce the model's logits",
        remedy="this architecture changes its logits in a way that is not supported",
    )


def future_comparison(
    lm: LanguageModel, ids: Int[Tensor, "1 n"], vectors: Float[Tensor, "n d"]
) -> Comparison:
    """Compare the first half of a text's captured vectors with those that another second half leaves.

    Returns:
        The comparison; both texts have the same length, on which some rotations depend.
    """
    half = ids.shape[1] // 2
    other = ids.clone()
    other[:, half:] = (other[:, half:] + 1) % lm.readout.vocab_size
    first, second = (part[:half].double() for part in (vectors, lm.prelogits(other)[0]))
    difference = (first - second).norm(dim=-1) / first.norm(dim=-1).clamp_min(TINY)
    return Comparison(
        name="a prediction against later tokens",
        error=float(difference.max()) if half else 0.0,
        limit=ROUNDING,
        unit="relative",
        demand="Tokens that follow must not change a prediction",
        remedy="it reads later tokens, as an encoder does: choose a causal language model",
    )
