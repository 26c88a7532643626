"""States below the readout, curvature and boundaries, each computed a second way.

Nothing here shares a formula with what it checks: curvature is compared with sums in float64 over all
of `W_U`, and boundaries with the model's own pass over the whole prompt.
"""

from collections.abc import Iterator, Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from stability.curvature.spectrum import spectrum
from stability.errors import StabilityError
from stability.geometry.ray import ray
from stability.models.comparisons import UNSUPPORTED, Comparison
from stability.models.language_model import LanguageModel
from stability.models.pushed import pushed_logits
from stability.prediction import distribution
from stability.prediction.premise import require_linear
from stability.prediction.state import State

SITES = "predictions at the sites below against the readout's"
TRACE = "trace of H against the variances of all coordinates"
PAIRS = "leading eigenpairs against H in float64"
# of `W_U` in float64 at once
ROWS = 16384
# eigenpairs that are compared
FEW_PAIRS = 4
# nats, at which a boundary is looked for again
EPSILON = 0.01
# nats, between two ways to compute one prediction in float32; 2e-11 was measured on SmolLM2
SAME_PREDICTION = 1e-6


def sites_comparison(readout: Sequence[State], states: Mapping[str, Sequence[State]]) -> Comparison:
    """Compare what every site below predicts with what the readout does, at three positions.

    Returns:
        The comparison.

    Raises:
        StabilityError: there is no such site.
    """
    if not states:
        raise StabilityError(
            "Sites below the readout must be open to be compared; this model has none that is: see why "
            "they are refused."
        )
    places = {0, len(readout) // 2, len(readout) - 1}
    return Comparison(
        name=SITES,
        error=max(
            float(distribution.kl(readout[place].log_probs, found[place].log_probs))
            for found in states.values()
            for place in places
        ),
        limit=SAME_PREDICTION,
        unit="nats",
        demand="A state below the readout must predict what the readout does",
        remedy=UNSUPPORTED,
    )


def trace_comparison(state: State) -> Comparison:
    """Compare the trace of `H` at the readout with a sum in float64 over all rows of `W_U`.

    Returns:
        The comparison.

    Raises:
        StabilityError: the logits are not linear in the state.
    """
    trace, found = 0.0, spectrum(state, k=FEW_PAIRS).trace
    for centred, p in _centred_rows(state):
        trace += float(p @ centred.square().sum(dim=1))
    return Comparison(
        name=TRACE,
        error=abs(found - trace) / trace if trace else abs(found),
        limit=1e-4,
        unit="relative",
        demand="The trace of H must be the sum of the variances",
        remedy=UNSUPPORTED,
    )


def pairs_comparison(state: State) -> Comparison:
    """Compare the leading eigenpairs at the readout with `H` in float64, over all rows of `W_U`.

    Returns:
        The comparison.

    Raises:
        StabilityError: the logits are not linear in the state.
    """
    found = spectrum(state, k=FEW_PAIRS)
    V = found.vectors.double()
    image = torch.zeros_like(V)
    for centred, p in _centred_rows(state):
        image += centred.T @ (p[:, None] * (centred @ V))
    residual = image - V * found.eigenvalues
    largest = float(found.eigenvalues[0])
    return Comparison(
        name=PAIRS,
        error=float(residual.norm(dim=0).max()) / largest if largest else 0.0,
        limit=1e-2,
        unit="relative",
        demand="H must turn an eigenvector into a multiple of itself",
        remedy=UNSUPPORTED,
    )


def _centred_rows(
    state: State,
) -> Iterator[tuple[Float[Tensor, "rows d"], Float[Tensor, "rows"]]]:
    """Parts of the rows of `W_U` minus their mean, in float64, with their probabilities."""
    require_linear(state)
    scale = state.readout.scale
    parts = list(zip(state.readout.in_parts(ROWS), state.probs.split(ROWS), strict=True))
    mean = sum(p @ (scale * W.double()) for W, p in parts)
    for W, p in parts:
        yield scale * W.double() - mean, p


def boundary_name(site: str) -> str:
    """What is compared at the boundaries of a site."""
    return f"KL at the boundary at {site} in the model's own pass"


def boundary_comparison(lm: LanguageModel, state: State) -> Comparison:
    """Compare KL at the boundaries that are reached, from the model's own pass, with ε.

    Returns:
        The comparison.

    Raises:
        StabilityError: none is reached, or the model's own code fails.
    """
    line = ray(state, spectrum(state, k=1).vectors[:, 0])
    sides = zip((-1, 1), line.boundary(EPSILON), strict=True)
    distances = torch.tensor([0.0, *(sign * t for sign, t in sides if t is not None)])
    deltas = distances.to(line.direction)[:, None] * line.direction
    before, *after = distribution.log_probs(pushed_logits(lm.network, state, deltas))
    errors = [abs(float(distribution.kl(before, log_p)) / EPSILON - 1) for log_p in after]
    if not errors:
        raise StabilityError(
            f"A boundary is needed to be run again; at {state.site} none of {EPSILON:g} nats is "
            "reached on either side: nothing to do."
        )
    return Comparison(
        name=boundary_name(state.site),
        error=max(errors),
        limit=1e-3,
        unit="relative",
        demand=f"At the boundary at {state.site} the model itself must change by {EPSILON:g} nats",
        remedy=UNSUPPORTED,
    )
