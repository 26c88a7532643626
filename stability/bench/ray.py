"""Rays at `prelogit`, against bisection with the unembedding at every step."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from torch import Tensor

from stability.bench.timing import Comparison, Method, compare
from stability.curvature.spectrum import spectrum
from stability.exact.line import ExactLine
from stability.exact.slope_distribution import boundaries
from stability.geometry.ray import Ray, ray, rays
from stability.prediction import distribution
from stability.prediction.state import State

TIMED_EPSILONS = np.array([0.001, 0.01, 0.1, 0.3, 1.0])
TIMED_POINTS = 400
TIMED_RAYS = 32
BISECTIONS = 40


def compare_rays(states: Sequence[State]) -> list[Comparison]:
    """Everything along one direction, and the boundaries along many at once."""
    state = states[-1]
    vectors = spectrum(state, TIMED_RAYS).vectors
    line = ray(state, vectors[:, 0])
    exact = boundaries(ExactLine(state, line.device_slopes).distribution.tokens, TIMED_EPSILONS)
    accuracy = {
        "relative error of a boundary": float(
            np.abs(line.boundaries(TIMED_EPSILONS) / exact - 1).max()
        )
    }

    def boundaries_of_all() -> None:
        for each in rays(state, vectors.T):
            each.boundaries(TIMED_EPSILONS)

    sides = 2 * len(TIMED_EPSILONS)
    bisection = f"bisection (1 of {sides} boundaries, scaled)"
    bisect = Method(lambda: bisected_boundary(state, vectors[:, 0], 1.0), share=1 / sides)
    return [
        compare(
            "ray",
            f"a, {sides} boundaries and certificates, cumulants, flips, {TIMED_POINTS}-point curve",
            Method(lambda: explore_ray(state, vectors[:, 0])),
            {
                "one product with W_U": Method(lambda: state.readout.slopes(vectors[:, :1])),
                bisection: bisect,
            },
            accuracy,
        ),
        compare(
            "calibration",
            f"{sides} boundaries of {TIMED_RAYS} rays",
            Method(boundaries_of_all),
            {bisection: Method(bisect.call, bisect.share / TIMED_RAYS)},
            accuracy,
        ),
    ]


def explore_ray(state: State, direction: Float[Tensor, " d"]) -> Ray:
    """Compute all that Explore shows of a ray."""
    line = ray(state, direction)
    minus, plus = line.boundaries(TIMED_EPSILONS)
    _ = (
        line.cumulants,
        line.certificates(TIMED_EPSILONS),
        line.flips(limit=state.readout.vocab_size),
    )
    line.kl(np.linspace(-minus[-1], plus[-1], TIMED_POINTS))
    return line


def bisected_boundary(state: State, direction: Float[Tensor, " d"], epsilon: float) -> float:
    """Find the plus boundary without theory, by bisection with all logits at every step."""
    log_p, y, v = state.log_probs, state.vector.double(), direction.double()
    low, high = 0.0, 4 * (2 * epsilon / ray(state, direction).curvature) ** 0.5
    for _ in range(BISECTIONS):
        t = 0.5 * (low + high)
        log_q = distribution.log_probs(state.readout.logits(y + t * v))
        low, high = (low, t) if float(distribution.kl(log_p, log_q)) > epsilon else (t, high)
    return 0.5 * (low + high)
