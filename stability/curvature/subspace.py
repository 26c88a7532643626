"""Block Krylov iteration: leading eigenpairs of a symmetric operator that is only applied.

Each pass applies the operator to an orthonormal block, and diagonalises it on the span of all blocks so
far (Rayleigh–Ritz). The Ritz values never exceed the eigenvalues; residuals tell how near they are,
bound them from above, and are the next block. Leading axes are a batch of operators iterated side by
side.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

RITZ_ROUNDING = 1e-6  # relative, of a Ritz value from float32 products; 2e-7 was measured
SHIFT = 1e-12  # of the squared length of a column
LEADING, LOOSER = 8, 5  # beyond the leading pairs, errors may be so many times the tolerance


@dataclass(frozen=True, eq=False)
class RitzPairs:
    """Ritz values, the largest first, with their vectors and residual vectors `H v − θ v`.

    `passes` is how often the operator was applied, and `converged` whether the errors asked for were
    reached before passes ran out.
    """

    values: Float[Tensor, "*T b"]
    vectors: Float[Tensor, "*T d b"]
    residuals: Float[Tensor, "*T d b"]
    passes: int = 1
    converged: bool = False

    def within(self, k: int, tolerance: float) -> bool:
        """Whether the first `k` values have an estimated relative error below `tolerance`.

        The estimate is `‖r_i‖²/(θ_i (θ_i − θ_b))` with `θ_b` the smallest Ritz value held here, or
        `‖r_i‖/θ_i`, within which there is an eigenvalue, if that is less; five times the tolerance is
        allowed beyond the first eight.
        """
        return bool(self.each_within(k, tolerance).all())

    def each_within(self, k: int, tolerance: float) -> Bool[Tensor, "*T"]:
        """The same of each operator by itself."""
        squared = self.residuals[..., :k].square().sum(dim=-2)
        values, least = self.values[..., :k].clamp_min(0), self.values[..., -1:]
        allowed = torch.full_like(squared, tolerance)
        allowed[..., LEADING:] *= LOOSER
        gaps = torch.maximum(values - least, allowed * values)
        return (squared <= allowed * values * gaps).all(dim=-1)


def rayleigh_ritz(
    basis: Float[Tensor, "*T d m"], image: Float[Tensor, "*T d m"], b: int
) -> RitzPairs:
    """The `b` leading Ritz pairs of `H` on an orthonormal basis, whose image is `H` times it."""
    compressed = basis.mT @ image
    values, rotation = _small_eigh(0.5 * (compressed + compressed.mT))
    values, rotation = values.flip(-1)[..., :b], rotation.flip(-1)[..., :b]
    vectors = basis @ rotation
    return RitzPairs(values, vectors, image @ rotation - vectors * values[..., None, :])


def _small_eigh(matrix: Float[Tensor, "*T m m"]) -> tuple[Tensor, Tensor]:
    """Eigenpairs of small symmetric matrices: on the host those of a single one."""
    home = matrix.device if matrix.dim() > 2 else torch.device("cpu")
    values, vectors = torch.linalg.eigh(matrix.to(home))
    return values.to(matrix.device), vectors.to(matrix.device)


def leading_block(factor: Float[Tensor, "*T d m"], b: int) -> Float[Tensor, "*T d b"]:
    """An orthonormal block along the `b` leading eigenvectors of `C Cᵀ`, by the smaller `CᵀC`."""
    rotation = _small_eigh(factor.mT @ factor)[1].flip(-1)[..., :b]
    return torch.linalg.qr(factor @ rotation).Q


def nearly_orthonormal(block: Float[Tensor, "*T d b"]) -> Float[Tensor, "*T d b"]:
    """Columns that span what those of a block do, and are well apart: `B L⁻ᵀ` with `L Lᵀ ≈ BᵀB`.

    By Cholesky, which takes a few launches where Householder takes one for each column, of columns of
    length one. A shift keeps columns that rounding cannot tell apart from stopping it.
    """
    columns = torch.nn.functional.normalize(block.double(), dim=-2, eps=1e-300)
    gram = columns.mT @ columns
    gram.diagonal(dim1=-2, dim2=-1).add_(SHIFT)
    root = torch.linalg.cholesky_ex(gram).L
    return torch.linalg.solve_triangular(root.mT, columns, upper=True, left=False).to(block)


def iterate(
    apply: Callable[[Float[Tensor, "*T d b"]], Float[Tensor, "*T d b"]],
    block: Float[Tensor, "*T d b"],
    k: int,
    tolerance: float,
    passes: int,
) -> RitzPairs:
    """The leading pairs of the operator `apply`, as many as an orthonormal block has vectors.

    Ends when the estimated errors of the first `k` are below `tolerance`, when the basis spans the
    space, or after `passes`.
    """
    b = block.shape[-1]
    return resume(apply, rayleigh_ritz(block, apply(block), b), b, k, tolerance, passes)


def resume(
    apply: Callable[[Float[Tensor, "*T d c"]], Float[Tensor, "*T d c"]],
    pairs: RitzPairs,
    columns: int,
    k: int,
    tolerance: float,
    passes: int,
) -> RitzPairs:
    """As many pairs as before, from blocks of the first few residuals; ends as `iterate`.

    `passes` counts those that the pairs have taken already.
    """
    d, b = pairs.vectors.shape[-2:]
    basis, image = pairs.vectors, pairs.residuals + pairs.vectors * pairs.values[..., None, :]
    while True:
        size = basis.shape[-1]
        if size == d or pairs.within(k, tolerance):
            return replace(pairs, converged=True)
        if pairs.passes == passes:
            return pairs
        # Householder: what follows the basis is orthogonal to it, also where residuals vanish
        leading = torch.cat([basis, pairs.residuals[..., :columns]], dim=-1)
        block = torch.linalg.qr(leading).Q[..., size:]
        basis, image = torch.cat([basis, block], dim=-1), torch.cat([image, apply(block)], dim=-1)
        pairs = replace(rayleigh_ritz(basis, image, b), passes=pairs.passes + 1)


def eigenvalue_upper_bounds(
    values: Float[Tensor, " b"], residuals: Float[Tensor, "d b"], rest: float
) -> Float[Tensor, " b"]:
    """Upper bounds of the eigenvalues from one block pass.

    On the complement of the first `i − 1` Ritz vectors (Courant–Fischer) `H` is a block matrix with
    `θ_i` and less in one corner, the residuals `R` beside it, and in the other corner what is left
    outside the block, where nothing exceeds `rest`: for one, the trace that is left, `tr H − Σθ`. So
    `λ_i` is at most the larger eigenvalue of `[[θ_i, ‖R‖], [‖R‖, rest]]`. Source: Parlett, *The
    Symmetric Eigenvalue Problem* (1998), chapter 10.
    """
    rest = max(rest, 0.0)
    coupling = residuals.square().sum(dim=0).flip(0).cumsum(0).flip(0)
    return 0.5 * (values + rest) + (0.25 * (values - rest) ** 2 + coupling).sqrt()


def sign_fixed(vectors: Float[Tensor, "d k"]) -> Float[Tensor, "d k"]:
    """The same vectors with their largest-magnitude component positive."""
    largest = vectors.abs().argmax(dim=0, keepdim=True)
    return vectors * vectors.gather(0, largest).sign()
