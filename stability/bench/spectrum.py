"""The top eigenpairs at `prelogit`, against general eigensolvers."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from numpy import ndarray
from torch import Tensor

from stability.bench.timing import Comparison, Method, compare
from stability.curvature import fisher
from stability.curvature.row_spread import mean_offset
from stability.curvature.spectrum import Spectrum, spectrum
from stability.prediction.readout import Readout
from stability.prediction.state import State

EIGENPAIRS = 16
ENTROPIES = (0.5, 1.7, 4.0, 7.0)  # nats


def compare_spectra(states: Sequence[State]) -> list[Comparison]:
    """The top 16 eigenpairs where the entropy is nearest to each of `ENTROPIES`: sure to open."""
    nearest = [_nearest(states, entropy) for entropy in ENTROPIES]
    return [_compare_spectrum(state) for state in dict.fromkeys(nearest)]


def _nearest(states: Sequence[State], entropy: float) -> State:
    return min(states, key=lambda state: abs(state.entropy - entropy))


def _compare_spectrum(state: State) -> Comparison:
    reads, computed = _counted_reads(state)
    true = torch.linalg.eigvalsh(fisher.dense(state)).flip(0)[:EIGENPAIRS]
    upper = computed.eigenvalues if computed.upper is None else computed.upper
    error = (computed.eigenvalues / true - 1).abs()
    return compare(
        "spectrum",
        f"top {EIGENPAIRS} eigenpairs at an entropy of {state.entropy:.2g} nats",
        Method(lambda: spectrum(state, EIGENPAIRS)),
        _eigensolvers(state),
        {
            "relative error, first 8": float(error[:8].max()),
            f"relative error, all {EIGENPAIRS}": float(error.max()),
            "upper bound of the first": float(upper[0] / true[0] - 1),
            "reads of W_U": reads,
        },
    )


def _eigensolvers(state: State) -> dict[str, Method]:
    """General solvers, on the library's product `v ↦ H v` of one read of `W_U`, or on the plain one."""
    from hessian_eigenthings import LambdaOperator, lanczos
    from scipy.sparse.linalg import LinearOperator, eigsh

    d, offset = state.readout.width, mean_offset(state)

    def product(v: Tensor) -> Tensor:
        return fisher.hvp_batched([state], v[None, :, None].double(), offset[None])[0, :, 0]

    def plain_product(v: Tensor) -> Tensor:
        return fisher.hvp(state, v[:, None].double())[:, 0]

    def by_lanczos(apply: Callable[[Tensor], Tensor]) -> object:
        operator = LambdaOperator(apply, d, device=state.vector.device, dtype=torch.float64)
        return lanczos(operator, k=EIGENPAIRS, seed=0)

    def by_scipy() -> object:
        def matvec(v: ndarray) -> ndarray:
            return product(torch.from_numpy(v.ravel())).cpu().numpy()

        return eigsh(LinearOperator((d, d), matvec, dtype=float), k=EIGENPAIRS)

    return {
        "hessian-eigenthings Lanczos": Method(partial(by_lanczos, product)),
        "the same on a product of two reads": Method(partial(by_lanczos, plain_product)),
        "scipy eigsh": Method(by_scipy),
        "dense eigh": Method(lambda: torch.linalg.eigh(fisher.dense(state))),
    }


def _counted_reads(state: State) -> tuple[int, Spectrum]:
    """Compute the spectrum, and count its reads of `W_U`, without that of the state's own logits."""
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
    computed = spectrum(replace(state, readout=counting), EIGENPAIRS)
    return reads, computed
