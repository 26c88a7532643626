"""Steering by plain hooks on a private copy of a model: nothing is shared with the library."""

import contextlib
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
import torch
from support.models import blocks, in_float64
from torch import Tensor

from stability.models import LanguageModel

TEXT = "the cat sat on the mat"


def random_vector(width: int, seed: int = 0, length: float = 1.0) -> np.ndarray:
    draw = np.random.default_rng(seed).standard_normal(width)
    return length * draw / np.linalg.norm(draw)


def steered_logits(
    lm: LanguageModel,
    prompt: str,
    vectors: Mapping[int | None, np.ndarray],
    coefficient: float | Tensor,
    mode: str = "add",
    positions: Sequence[int] | None = None,
) -> Tensor:
    """The logits of every position, in float64; for a tensor of coefficients a batch of them."""
    model = in_float64(lm.model)
    # grouped products of experts have no float64
    with contextlib.suppress(ValueError):
        model.set_experts_implementation("eager")
    ids = torch.tensor([[token.id for token in lm.tokenize(prompt)]])
    several = isinstance(coefficient, Tensor) and coefficient.ndim > 0
    if several:
        ids, coefficient = ids.expand(len(coefficient), -1), coefficient[:, None, None]

    def changed(stream: Tensor, vector: np.ndarray) -> Tensor:
        v = torch.from_numpy(vector).to(stream)
        if mode == "project":
            v = v / v.norm()
            change = -coefficient * (stream @ v)[..., None] * v
        else:
            change = coefficient * v.expand(stream.shape)
        mask = torch.zeros(stream.shape[1], 1).to(stream)
        mask[list(range(stream.shape[1]) if positions is None else positions)] = 1
        return stream + change * mask

    def after(vector):
        def hook(module, arguments, output):
            if isinstance(output, tuple | list):
                return (changed(output[0], vector), *output[1:])
            return changed(output, vector)

        return hook

    hooks = []
    for block, vector in vectors.items():
        if block is None:
            head = model.get_output_embeddings()
            hooks.append(
                head.register_forward_pre_hook(lambda m, a, v=vector: (changed(a[0], v), *a[1:]))
            )
        else:
            hooks.append(blocks(model)[block].register_forward_hook(after(vector)))
    try:
        logits = model(input_ids=ids, use_cache=False).logits.double()
        return logits if several else logits[0]
    finally:
        for hook in hooks:
            hook.remove()


def counted_blocks(lm: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The indices of the blocks that are run from here on, in order."""
    calls: list[int] = []
    for index, block in enumerate(blocks(lm.model)):

        def counted(*arguments, forward=block.forward, index=index, **options):
            calls.append(index)
            return forward(*arguments, **options)

        monkeypatch.setattr(block, "forward", counted)
    return calls


def information(
    lm: LanguageModel, prompt: str, vectors: Mapping[int | None, np.ndarray], **options
) -> Tensor:
    """`Var_p(dz/dc)` of every position, by differentiating the plain hooks' logits twice."""
    c = torch.zeros((), dtype=torch.float64, requires_grad=True)
    logits = steered_logits(lm, prompt, vectors, c, **options)
    a, p = slopes_of(logits, c), logits.detach().softmax(-1)
    return (p * (a - (p * a).sum(-1, keepdim=True)) ** 2).sum(-1)


def slopes_of(logits: Tensor, c: Tensor) -> Tensor:
    """`dz/dc` in reverse mode twice."""
    weights = torch.zeros_like(logits, requires_grad=True)
    [pulled] = torch.autograd.grad(logits, c, weights, create_graph=True)
    [slopes] = torch.autograd.grad(pulled, weights)
    return slopes


def divergences(logits: Tensor, changed: Tensor, reverse: bool = False) -> Tensor:
    """KL of every position, by the plain sum."""
    p, q = logits.log_softmax(-1), changed.log_softmax(-1)
    p, q = (q, p) if reverse else (p, q)
    return (p.exp() * (p - q)).sum(-1)
