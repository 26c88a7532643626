"""What is measured at `prelogit`, and against what: one function a suite, each giving rows."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from stability.bench.timing import Row, Way, measured, medians
from stability.curvature import fisher
from stability.curvature.row_spread import mean_offset
from stability.curvature.spectrum import Spectrum, spectrum
from stability.exact.line import ExactLine
from stability.exact.slope_distribution import boundaries
from stability.geometry.ray import Ray, ray, rays
from stability.geometry.region import Region, region
from stability.geometry.sensitivity import token_map
from stability.prediction import distribution
from stability.prediction.readout import Readout
from stability.prediction.state import State

PAIRS = 16
EPSILONS = np.array([0.001, 0.01, 0.1, 0.3, 1.0])
POINTS, GRID, ANGLES, DIRECTIONS = 400, 101, 180, 32
BISECTIONS = 40
Suite = Callable[[Sequence[State]], list[Row]]


def spectrum_rows(states: Sequence[State]) -> list[Row]:
    """The top 16 eigenpairs where the next token is as open as half the time, and most open.

    The more tokens share the probability, the more passes are needed.
    """
    ordered = sorted(states, key=lambda state: state.entropy)
    return [_spectrum_row(ordered[len(ordered) // 2]), _spectrum_row(ordered[-1])]


def _spectrum_row(state: State) -> Row:
    from hessian_eigenthings import LambdaOperator, lanczos
    from scipy.sparse.linalg import LinearOperator, eigsh

    d, offset = state.readout.width, mean_offset(state)

    def product(v: Tensor) -> Tensor:
        return fisher.products([state], v[None, :, None].double(), offset[None])[0, :, 0]

    def plain(v: Tensor) -> Tensor:
        return fisher.product(state, v[:, None].double())[:, 0]

    def by_lanczos(apply: Callable[[Tensor], Tensor]) -> object:
        return lanczos(LambdaOperator(apply, d, dtype=torch.float64), k=PAIRS, seed=0)

    def by_scipy() -> object:
        def matvec(v: ndarray) -> ndarray:
            return product(torch.from_numpy(v.ravel())).cpu().numpy()

        return eigsh(LinearOperator((d, d), matvec, dtype=float), k=PAIRS)

    reads, found = _counted_reads(state)
    true = torch.linalg.eigvalsh(fisher.dense(state)).flip(0)[:PAIRS]
    upper = found.eigenvalues if found.upper is None else found.upper
    error = (found.eigenvalues / true - 1).abs()
    return measured(
        "spectrum",
        f"top {PAIRS} eigenpairs at an entropy of {state.entropy:.2g} nats",
        Way(lambda: spectrum(state, PAIRS)),
        {
            "hessian-eigenthings Lanczos": Way(partial(by_lanczos, product)),
            "the same on a product of two reads": Way(partial(by_lanczos, plain)),
            "scipy eigsh": Way(by_scipy),
            "dense eigh": Way(lambda: torch.linalg.eigh(fisher.dense(state))),
        },
        {
            "relative error, first 8": float(error[:8].max()),
            f"relative error, all {PAIRS}": float(error.max()),
            "upper bound of the first": float(upper[0] / true[0] - 1),
            "reads of W_U": reads,
        },
    )


def ray_rows(states: Sequence[State]) -> list[Row]:
    """Everything along one direction, and the boundaries along many at once."""
    state = states[-1]
    vectors = spectrum(state, DIRECTIONS).vectors
    one = ray(state, vectors[:, 0])
    exact = boundaries(ExactLine(state, one.slopes).distribution.tokens, EPSILONS)
    error = float(np.abs(one.boundaries(EPSILONS) / exact - 1).max())

    def boundaries_of_all() -> None:
        for found in rays(state, vectors.T):
            found.boundaries(EPSILONS)

    sides = 2 * len(EPSILONS)
    bisection = f"bisection (1 of {sides} boundaries, scaled)"
    naive = Way(lambda: _bisect(state, vectors[:, 0], 1.0), share=1 / sides)
    return [
        measured(
            "ray",
            f"a, {sides} boundaries and certificates, cumulants, flips, {POINTS}-point curve",
            Way(lambda: everything(state, vectors[:, 0])),
            {
                "one product with W_U": Way(lambda: state.readout.slopes(vectors[:, :1])),
                bisection: naive,
            },
            {"relative error of a boundary": error},
        ),
        measured(
            "calibration",
            f"{sides} boundaries of {DIRECTIONS} rays",
            Way(boundaries_of_all),
            {bisection: Way(naive.call, naive.share / DIRECTIONS)},
            {"relative error of a boundary": error},
        ),
    ]


def region_rows(states: Sequence[State]) -> list[Row]:
    """One plane as it is drawn."""
    state = states[-1]
    vectors = spectrum(state, 2).vectors
    plane = region(state, vectors[:, 0], vectors[:, 1])
    half = 1.3 * plane.boundary(0.01, np.linspace(0, 2 * np.pi, 9)).max()
    axis = np.linspace(-half, half, GRID)
    rows = (0, GRID // 3, GRID - 1)
    brute = np.stack([_brute_row(plane, axis, axis[i]) for i in rows])
    error = np.abs(plane.kl_grid(axis, axis)[list(rows)] / brute - 1).max()
    return [
        measured(
            "region",
            f"ellipse, boundary at {ANGLES} angles, cells, {GRID}×{GRID} grid of KL",
            Way(lambda: whole_region(state, vectors, axis)),
            {
                f"the grid by brute force (1 of {GRID} rows, scaled)": Way(
                    lambda: _brute_row(plane, axis, axis[0]), share=1 / GRID
                )
            },
            {"relative error of a grid point": float(error)},
        )
    ]


def map_rows(states: Sequence[State]) -> list[Row]:
    """Radius, ball, nearest flip, bound and entropy of every token of a prompt."""
    found = token_map(states)
    some = range(0, len(states), max(len(states) // 4, 1))
    true = [float(torch.linalg.eigvalsh(fisher.dense(states[i]))[-1]) for i in some]
    errors = [abs(found[i].eigenvalue / value - 1) for i, value in zip(some, true, strict=True)]
    return [
        measured(
            "map",
            f"radius, ball, flip, bound, entropy of {len(states)} tokens",
            Way(lambda: token_map(states)),
            {
                f"dense eigh (1 of {len(states)} tokens, scaled)": Way(
                    lambda: torch.linalg.eigh(fisher.dense(states[-1])), share=1 / len(states)
                )
            },
            {"relative error of an eigenvalue": max(errors)},
        )
    ]


def thread_rows(states: Sequence[State]) -> list[Row]:
    """The same work alone, and while other processes keep all cores but one busy."""
    work = Way(lambda: spectrum(states[-1], PAIRS))
    alone = medians({"": work})[""]
    command = [sys.executable, "-c", "while True: pass"]
    busy = [subprocess.Popen(command) for _ in range(max((os.cpu_count() or 1) - 1, 1))]
    try:
        beside = medians({"": work})[""]
    finally:
        for process in busy:
            process.kill()
            process.wait()
    what = f"top {PAIRS} eigenpairs beside {len(busy)} busy processes"
    return [Row("threads", what, beside, {"the same alone": alone})]


CASES: dict[str, Suite] = {
    "spectrum": spectrum_rows,
    "ray": ray_rows,
    "region": region_rows,
    "map": map_rows,
    "threads": thread_rows,
}


def _counted_reads(state: State) -> tuple[int, Spectrum]:
    """How often the spectrum reads `W_U`, beside the state's own logits."""
    reads = 0

    class Counting(Readout):
        def slopes(self, directions: Any) -> Any:
            nonlocal reads
            reads += 1
            return super().slopes(directions)

        def pull_back(self, weights: Any) -> Any:
            nonlocal reads
            reads += 1
            return super().pull_back(weights)

        def in_parts(self, rows: Any) -> Any:
            nonlocal reads
            reads += 1
            return super().in_parts(rows)

    readout = state.readout
    counting = Counting(readout.W_U, readout.bias, readout.scale, readout.softcap)
    found = spectrum(replace(state, readout=counting), PAIRS)
    return reads, found


def everything(state: State, direction: Float[Tensor, " d"]) -> Ray:
    """All that Explore shows of a ray."""
    found = ray(state, direction)
    minus, plus = found.boundaries(EPSILONS)
    _ = found.cumulants, found.certificates(EPSILONS), found.flips(limit=len(found.slopes))
    found.kl(np.linspace(-minus[-1], plus[-1], POINTS))
    return found


def _bisect(state: State, direction: Float[Tensor, " d"], epsilon: float) -> float:
    """The plus boundary as one would find it without theory: the unembedding at every step."""
    log_p, y, v = state.log_probs, state.vector.double(), direction.double()
    low, high = 0.0, 4 * (2 * epsilon / ray(state, direction).curvature) ** 0.5
    for _ in range(BISECTIONS):
        t = 0.5 * (low + high)
        log_q = distribution.log_probs(state.readout.logits(y + t * v))
        low, high = (low, t) if float(distribution.kl(log_p, log_q)) > epsilon else (t, high)
    return 0.5 * (low + high)


def whole_region(state: State, vectors: Float[Tensor, "d 2"], axis: Float[ndarray, " n"]) -> None:
    """All that Explore shows of a plane."""
    plane = region(state, vectors[:, 0], vectors[:, 1])
    plane.ellipse(0.01)
    plane.boundary(0.01, np.linspace(0, 2 * np.pi, ANGLES, endpoint=False))
    plane.cells((axis[0], axis[-1], axis[0], axis[-1]))
    plane.kl_grid(axis, axis)


def _brute_row(plane: Region, x: Float[ndarray, " n"], y: float) -> Float[ndarray, " n"]:
    """KL along one row of the grid from the logits of every point."""
    state = plane.state
    points = torch.stack([torch.from_numpy(x), torch.full((len(x),), y, dtype=torch.float64)])
    vectors = state.vector.double() + (plane.axes @ points.to(plane.axes)).T
    log_q = distribution.log_probs(state.readout.logits(vectors))
    return distribution.kl(state.log_probs.expand_as(log_q), log_q).cpu().numpy()
