"""The readout: how a model turns the vector after its final norm into next-token logits."""

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor
from torch.linalg import vector_norm

# that a product keeps side by side, at least: eight lanes twice, or four four times
PARTIAL_SUMS = 16


@dataclass(frozen=True, eq=False)
class Readout:
    """The map `z = f(s·(W_U y) + b)`, with `f` the identity or soft-capping `c·tanh(·/c)`.

    Products with `W_U` run in its own float32 on its own device; logits are handed on in float64.

    Attributes:
        W_U: the unembedding, (V, d): a row for each token.
        bias: `b`, (V,), in nats; None but for a few models (GPT-J, Phi).
        scale: `s`, 1 but for models that scale their logits (Cohere, Granite).
        softcap: `c`, in nats; None but for Gemma 2 (arXiv 2408.00118), which caps at 30.

    >>> import torch
    >>> readout = Readout(torch.eye(3), softcap=30.0)
    >>> readout.logits(torch.tensor([60.0, 3.0, 0.0])).numpy().round(3)  # 30·tanh(60/30), …
    array([28.921,  2.99 ,  0.   ])
    """

    W_U: Float[Tensor, "V d"]
    bias: Float[Tensor, " V"] | None = None
    scale: float = 1.0
    softcap: float | None = None

    @property
    def vocab_size(self) -> int:
        """Number of tokens `V`."""
        return self.W_U.shape[0]

    @property
    def width(self) -> int:
        """Dimension `d` of the vector that is multiplied by `W_U`."""
        return self.W_U.shape[1]

    def uncapped(self, y: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch V"]:
        """Logits before soft-capping, `s·(W_U y) + b`: linear in `y`, with the same argmax."""
        z = self.shifts(y)
        return z if self.bias is None else z.add_(self.bias)

    def shifts(self, displacements: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch V"]:
        """How far the uncapped logits move, `s·W_U δ`: as `slopes`, with a row for each."""
        return (displacements.to(self.W_U) @ self.W_U.T).double().mul_(self.scale)

    def cap(self, z: Float[Tensor, "*batch V"]) -> Float[Tensor, "*batch V"]:
        """`f`: monotone, so it changes no argmax."""
        return z if self.softcap is None else self.softcap * (z / self.softcap).tanh()

    def capped_shift(
        self, z: Float[Tensor, "*batch V"], shift: Float[Tensor, "*n V"]
    ) -> Float[Tensor, "*n V"]:
        """How far the logits move, where those before soft-capping move from `z` by a shift."""
        return shift if self.softcap is None else self.cap(z + shift) - self.cap(z)

    def cap_slope(self, z: Float[Tensor, "*batch V"]) -> Float[Tensor, "*batch V"]:
        """`f'`, by which capping slows each logit: `1/cosh²(z/c)`, with all its digits at the cap."""
        return torch.ones_like(z) if self.softcap is None else (z / self.softcap).cosh() ** -2

    def logits(self, y: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch V"]:
        """The model's own logits `f(s·(W_U y) + b)`."""
        return self.cap(self.uncapped(y))

    def in_parts(self, rows: int) -> tuple[Float[Tensor, "part d"], ...]:
        """One read of `W_U`, a few rows at a time."""
        return self.W_U.split(rows)

    def slopes(self, directions: Float[Tensor, "d k"]) -> Float[Tensor, "V k"]:
        """Rate of change of the uncapped logits along directions, `A = s·W_U V`."""
        columns = directions.to(self.W_U).T.contiguous().T  # or few of them take four times as long
        return self.scale * (self.W_U @ columns).double()

    def pull_back(self, weights: Float[Tensor, "V k"]) -> Float[Tensor, "d k"]:
        """The transpose of `slopes`: `s·W_Uᵀ S`."""
        # BLAS is up to twice as slow at the transpose of this, and ten times with few columns
        pulled = weights.to(self.W_U).T @ self.W_U
        return self.scale * pulled.T.double()

    @cached_property
    def row_norms_squared(self) -> Float[Tensor, " V"]:
        """`s²‖w_i‖²` of every token: a constant of the model, computed once."""
        return self.scale**2 * vector_norm(self.W_U, dim=1).double().square()

    @cached_property
    def row_norms(self) -> Float[Tensor, " V"]:
        """`s·‖w_i‖` of every token."""
        return self.row_norms_squared.sqrt()

    @cached_property
    def rounding(self) -> float:
        """How far rounding moves a product of a row with a unit vector: `u·(1 + √(d/16))·s·max‖w_i‖`.

        An estimate: errors of a sum are as often up as down, and grow with the root of its terms
        (Higham and Mary, 2019); `u` is the unit roundoff of `W_U`, each of `PARTIAL_SUMS` has its part
        of the terms, and the result is rounded once more. On SmolLM2 it is ten times the largest error
        measured.
        """
        longest = float(self.row_norms_squared.max().sqrt())
        roundoff = torch.finfo(self.W_U.dtype).eps / 2
        return roundoff * (1 + (self.width / PARTIAL_SUMS) ** 0.5) * longest
