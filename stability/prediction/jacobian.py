"""The derivative of the network above a state: applied to directions, and transposed.

Reverse mode alone gives both. `u ↦ Jᵀu` is linear, and its own transpose is `J`: differentiating the
pulled-back vector once more pushes directions forward. So attention needs no forward-mode derivative,
which its fast kernels lack, and the graph of one position serves every direction. On a card the whole
matrix is made at once instead (`held_jacobian`).
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from stability.prediction.above import Above
from stability.prediction.held_jacobian import HeldJacobian, held
from stability.prediction.pause import Pause, no_pause

COLUMNS_AT_ONCE = 64  # whose activations are held together
# of an output whose Jacobian a card holds: more rows take longer than the products that are wanted
WIDEST_HELD = 2048
Batched = Callable[[Float[Tensor, "n d"]], Float[Tensor, "n D"]]


class Jacobian:
    """`J_s = dy/ds` of the output of a graph by several tensors in it; float64 in and out.

    Output and sources count as vectors, whatever their axes of length one.
    """

    def __init__(self, output: Tensor, sources: Sequence[Tensor]) -> None:
        self._output, self._sources = output, sources

    @property
    def sources(self) -> list[Float[Tensor, " _"]]:
        """The vectors that it is taken by."""
        return [source.detach().flatten() for source in self._sources]

    @cached_property
    def _transpose(self) -> tuple[Tensor, tuple[Tensor, ...]]:
        return _transpose(self._output, self._sources)

    def jvp(self, directions: Sequence[Float[Tensor, "_ k"]]) -> Float[Tensor, "D k"]:
        """`Σ_s J_s V_s`: how the output moves when every source moves along its own directions."""
        cotangent, pulled = self._transpose
        pairs = zip(directions, pulled, strict=True)
        batches = zip(*(_batches(V, like) for V, like in pairs), strict=True)
        parts = [_gradients(pulled, [cotangent], batch)[0] for batch in batches]
        return torch.cat(parts).T.double()

    def jvp_each(self, blocks: Float[Tensor, "S d k"]) -> Float[Tensor, "S D k"]:
        """`J_s V_s` for every source `s` alone: how the output moves when only that source moves."""
        S, d, k = blocks.shape
        apart = blocks.new_zeros(S, d, S, k)
        apart[range(S), :, range(S)] = blocks
        moved = self.jvp([*apart.reshape(S, d, S * k)])
        return moved.reshape(-1, S, k).transpose(0, 1)

    def vjp_each(self, cotangents: Float[Tensor, "S D k"]) -> Float[Tensor, "S d k"]:
        """`J_sᵀ U_s` for every source `s` with cotangents of its own: the transpose of `jvp_each`."""
        S, D, k = cotangents.shape
        pulled = self.vjp(cotangents.transpose(0, 1).reshape(D, S * k))
        return torch.stack([part.reshape(-1, S, k)[:, s] for s, part in enumerate(pulled)])

    def vjp(self, cotangents: Float[Tensor, "D k"]) -> list[Float[Tensor, "_ k"]]:
        """`J_sᵀ U` for every source: the gradients of linear readouts of the output."""
        parts = [
            _gradients([self._output], self._sources, [batch])
            for batch in _batches(cotangents, self._output)
        ]
        return [torch.cat(part).T.double() for part in zip(*parts, strict=True)]


class CopiedJacobian:
    """The Jacobian of a function of batches at one vector, from a graph of many copies of the vector.

    Each copy takes a column, so that one plain differentiation serves all: a third of the launches,
    which are what a card spends its time on. On a processor the copies cost more than they save.
    """

    def __init__(self, function: Batched, vector: Float[Tensor, " d"], copies: int) -> None:
        with torch.enable_grad():
            self._source = vector.detach().expand(copies, -1).clone().requires_grad_(True)
            self._output = function(self._source)

    @cached_property
    def _transpose(self) -> tuple[Tensor, tuple[Tensor, ...]]:
        return _transpose(self._output, [self._source])

    def jvp(self, directions: Sequence[Float[Tensor, "d k"]]) -> Float[Tensor, "D k"]:
        """`J V`, of the directions of the only source."""
        (columns,), (cotangent, (pulled,)) = directions, self._transpose
        return self._by_rows(pulled, cotangent, columns)

    def vjp(self, cotangents: Float[Tensor, "D k"]) -> list[Float[Tensor, "d k"]]:
        """`Jᵀ U`, for the only source."""
        return [self._by_rows(self._output, self._source, cotangents)]

    def _by_rows(
        self, output: Float[Tensor, "n a"], source: Float[Tensor, "n b"], columns: Tensor
    ) -> Float[Tensor, "b k"]:
        """The gradients of readouts of the output, one for each copy; those left over read zero."""
        parts = []
        for part in columns.T.to(output).split(len(output)):
            rows = torch.zeros_like(output)
            rows[: len(part)] = part
            (gradient,) = torch.autograd.grad(output, source, rows, retain_graph=True)
            parts.append(gradient[: len(part)])
        return torch.cat(parts).T.double()


AnyJacobian = Jacobian | CopiedJacobian | HeldJacobian


def is_held(width: int, device: torch.device) -> bool:
    """Whether the Jacobian of an output of some width is held whole: on a card, as a rule."""
    return device.type == "cuda" and width <= WIDEST_HELD


def jacobian(
    above: Above,
    vector: Float[Tensor, " d"],
    width: int,
    pause: Pause = no_pause,
    device: torch.device | None = None,
) -> AnyJacobian:
    """The Jacobian of the network above a vector, whose output has some width.

    In the way that suits a device, by default the vector's own.
    """
    device = device or vector.device
    if is_held(width, device):
        return held(lambda copies: (copies, above(copies)), vector, width, above.at_once, pause)
    if device.type == "cuda":
        return CopiedJacobian(above, vector, COLUMNS_AT_ONCE)
    return traced(above, vector)


def traced(function: Batched, vector: Float[Tensor, " d"]) -> Jacobian:
    """The Jacobian of a function of batches at one vector."""
    with torch.enable_grad():
        source = vector.detach().clone().requires_grad_(True)
        return Jacobian(function(source[None])[0], [source])


def jacobian_along(
    above: Above,
    vector: Float[Tensor, " d"],
    width: int,
    pause: Pause = no_pause,
    device: torch.device | None = None,
) -> Jacobian | HeldJacobian:
    """The same by the vector, and by what leaves each block above it."""
    if is_held(width, device or vector.device):
        return held(above.trajectory, vector, width, above.at_once, pause)
    with torch.enable_grad():
        *sources, output = above.trajectory(vector.detach()[None].clone().requires_grad_(True))
    return Jacobian(output, sources)


def _transpose(output: Tensor, sources: Sequence[Tensor]) -> tuple[Tensor, tuple[Tensor, ...]]:
    """A cotangent, and what it is pulled back to at every source: linear in it, as a graph."""
    with torch.enable_grad():
        cotangent = torch.zeros_like(output, requires_grad=True)
        return cotangent, torch.autograd.grad(output, sources, cotangent, create_graph=True)


def _batches(columns: Float[Tensor, "m k"], like: Tensor) -> Iterator[Tensor]:
    """Columns as batches of tensors shaped as another, a few at a time."""
    # products of rows that are not side by side take three times as long
    for part in columns.T.to(like).contiguous().split(COLUMNS_AT_ONCE):
        yield part.reshape(-1, *like.shape)


def _gradients(
    outputs: Sequence[Tensor], sources: Sequence[Tensor], batch: Sequence[Tensor]
) -> list[Float[Tensor, "n d"]]:
    """The gradients of batches of linear readouts of outputs, as rows for every source."""
    options = {"retain_graph": True, "is_grads_batched": True}
    gradients = torch.autograd.grad(outputs, sources, batch, **options)
    return [gradient.reshape(len(gradient), -1) for gradient in gradients]
