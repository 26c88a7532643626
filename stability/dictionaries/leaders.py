"""The largest values of each row of a matrix whose columns come a tile at a time."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


class Leaders:
    """The `k` largest values so far of each of `b` rows, in order, with their columns.

    Only rows in which a tile has more than the least value kept are looked through.
    """

    def __init__(self, b: int, k: int, like: Tensor) -> None:
        self.values = torch.full((b, k), -torch.inf, dtype=like.dtype, device=like.device)
        self.columns = torch.full((b, k), -1, dtype=torch.int64, device=like.device)

    def open(self, bounds: Float[Tensor, " b"]) -> Int[Tensor, " m"]:
        """The rows in which something up to a bound would be kept."""
        return (bounds > self.values[:, -1]).nonzero()[:, 0]

    def offer(self, rows: Int[Tensor, " m"], tile: Float[Tensor, "m t"], first: int) -> None:
        """Take up a tile of some rows, whose columns count from `first`."""
        if not len(rows):
            return
        k = self.values.shape[1]
        best = tile.topk(min(k, tile.shape[1]), dim=1)
        values = torch.cat([self.values[rows], best.values], dim=1)
        columns = torch.cat([self.columns[rows], best.indices + first], dim=1)
        kept = values.topk(k, dim=1)
        self.values[rows] = kept.values
        self.columns[rows] = columns.gather(1, kept.indices)
