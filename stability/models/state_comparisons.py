"""States below the readout, curvature and boundaries, each computed a second way.

Nothing here shares a formula with what it checks: curvature is compared with sums in float64 over all
of `W_U`, and boundaries with the model's own pass over the whole prompt.
"""

from collections.abc import Iterator, Mapping, Sequence

import torch

from stability.curvature.spectrum import spectrum
from stability.geometry.ray import ray
from stability.models.comparisons import UNSUPPORTED, Comparison
from stability.models.language_model import LanguageModel
from stability.models.pushed import pushed_logits
from stability.prediction import distribution
from stability.prediction.state import State

# of `W_U` in float64 at once
ROWS = 16384
# nats, at which a boundary is looked for again
EPSILON = 0.01
# nats, between two ways to compute one prediction in float32; 2e-11 was measured on SmolLM2
SAME_PREDICTION = 1e-6


def sites_comparison(readout: Sequence[State], states: Mapping[str, Sequence[State]]) -> Comparison:
    """Compare what every site below predicts with what the readout does, at three positions."""
    places = {0, len(readout) // 2, len(readout) - 1}
    return Comparison(
        name=f"predictions at {len(states)} sites below against the readout's",
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


def curvature_comparisons(state: State) -> Iterator[Comparison]:
    """Compare the spectrum at the readout with sums in float64 over all rows of `W_U`."""
    if not state.is_linear:
        return
    found = spectrum(state, k=4)
    scale, V = state.readout.scale, found.vectors.double()
    parts = list(zip(state.readout.in_parts(ROWS), state.probs.split(ROWS), strict=True))
    mean = sum(p @ (scale * W.double()) for W, p in parts)
    trace, image = 0.0, torch.zeros_like(V)
    for W, p in parts:
        centred = scale * W.double() - mean
        trace += float(p @ centred.square().sum(dim=1))
        image += centred.T @ (p[:, None] * (centred @ V))
    yield Comparison(
        name="trace of H against the variances of all coordinates",
        error=abs(found.trace - trace) / trace if trace else abs(found.trace),
        limit=1e-4,
        unit="relative",
        demand="The trace of H must be the sum of the variances",
        remedy=UNSUPPORTED,
    )
    residual = image - V * found.eigenvalues
    largest = float(found.eigenvalues[0])
    yield Comparison(
        name="leading eigenpairs against H in float64",
        error=float(residual.norm(dim=0).max()) / largest if largest else 0.0,
        limit=1e-2,
        unit="relative",
        demand="H must turn an eigenvector into a multiple of itself",
        remedy=UNSUPPORTED,
    )


def boundary_comparison(lm: LanguageModel, state: State) -> Iterator[Comparison]:
    """Compare KL at the boundaries that are reached, from the model's own pass, with ε."""
    line = ray(state, spectrum(state, k=1).vectors[:, 0])
    sides = zip((-1, 1), line.boundary(EPSILON), strict=True)
    distances = torch.tensor([0.0, *(sign * t for sign, t in sides if t is not None)])
    deltas = distances.to(line.direction)[:, None] * line.direction
    before, *after = distribution.log_probs(pushed_logits(lm.network, state, deltas))
    errors = [abs(float(distribution.kl(before, log_p)) / EPSILON - 1) for log_p in after]
    if errors:
        yield Comparison(
            name=f"KL at the boundary at {state.site} in the model's own pass",
            error=max(errors),
            # half precision rounds the passes themselves
            limit=1e-3 if lm.card.dtype == "float32" else None,
            unit="relative",
            demand=f"At the boundary of {EPSILON:g} nats the model itself must change by as much",
            remedy=UNSUPPORTED,
        )
