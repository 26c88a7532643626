"""Eigenpairs, rays and the map of depths at `block:L`, against runs of the whole prompt."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stability.bench.timing import Comparison, Method, compare
from stability.curvature import fisher
from stability.curvature.spectrum import spectrum
from stability.geometry.depth import depth, depth_map
from stability.prediction.perturbation import perturb
from stability.prediction.state import State

BLOCK_EIGENPAIRS = 8
BLOCK_RAY_POINTS = 64


def compare_depths(states: Sequence[State], blocks: Sequence[State]) -> list[Comparison]:
    """Eigenpairs and a ray at the first and the middle block, and the map of tokens and blocks.

    `states` are all positions of a prompt at the first block, `blocks` the last position at every one.
    """
    first, middle = blocks[0], blocks[len(blocks) // 2]
    return [
        _compare_spectrum(first),
        _compare_spectrum(middle),
        _compare_ray(first),
        _compare_ray(middle),
        _compare_map(states, blocks),
    ]


class WholePrompt:
    """The network above a site without a cache: every call runs the prompt, with a hook."""

    holds_weights = False

    def __init__(self, state: State) -> None:
        network: Any = state.above
        # each runs all of the prompt
        self.at_once = max(network.at_once // len(network.forward_pass.ids), 1)
        self.position, self.forward_pass = network.position, network.forward_pass
        self.block: nn.Module = [*self.forward_pass.blocks.values()][network.block]

    def __call__(self, vectors: Float[Tensor, "n d"]) -> Float[Tensor, "n D"]:
        """The vectors after the final norm, for several vectors that leave the block."""

        def replace_output(_: nn.Module, __: Any, output: Tensor) -> Tensor:
            before, after = output[:, : self.position], output[:, self.position + 1 :]
            return torch.cat([before, vectors.to(output)[:, None], after], dim=1)

        ids = self.forward_pass.ids.expand(len(vectors), -1)
        with self.block.register_forward_hook(replace_output):
            return self.forward_pass.network.prelogits(ids)[:, self.position]

    def trajectory(self, vectors: Float[Tensor, "n d"]) -> tuple[Tensor, ...]:
        """Raise: nothing that needs it is timed."""
        raise NotImplementedError


def _compare_spectrum(state: State) -> Comparison:
    whole = replace(state, above=WholePrompt(state))
    eigenvalues = spectrum(state, BLOCK_EIGENPAIRS).eigenvalues
    true = torch.linalg.eigvalsh(fisher.dense(state)).flip(0)[:BLOCK_EIGENPAIRS]
    return compare(
        "depth",
        f"top {BLOCK_EIGENPAIRS} eigenpairs at {state.site}, {len(state.tokens)} tokens",
        Method(lambda: spectrum(replace(state), BLOCK_EIGENPAIRS)),
        {
            "the same, running the whole prompt": Method(
                lambda: spectrum(replace(whole), BLOCK_EIGENPAIRS)
            )
        },
        {"relative error of an eigenvalue": float((eigenvalues / true - 1).abs().max())},
    )


def _compare_ray(state: State) -> Comparison:
    direction = spectrum(state, 1).vectors[:, 0]
    radius = fisher.radius(float(spectrum(state, 1).eigenvalues[0]), 0.01) or 1.0
    grid = torch.linspace(-2, 2, BLOCK_RAY_POINTS, dtype=torch.float64, device=direction.device)
    perturbations = radius * grid[:, None] * direction
    whole = replace(state, above=WholePrompt(state))
    expected = perturb(whole, perturbations[:4]).displacement
    displacement = perturb(state, perturbations[:4]).displacement
    error = (displacement - expected).norm() / displacement.norm()
    baseline = f"a forward pass of the whole prompt a point (1 of {BLOCK_RAY_POINTS}, scaled)"
    return compare(
        "depth",
        f"ray of {BLOCK_RAY_POINTS} points at {state.site}, {len(state.tokens)} tokens",
        Method(lambda: perturb(state, perturbations)),
        {baseline: Method(lambda: perturb(whole, perturbations[:1]), share=1 / BLOCK_RAY_POINTS)},
        {"relative error of a displacement": float(error)},
    )


def _compare_map(states: Sequence[State], blocks: Sequence[State]) -> Comparison:
    middle = len(blocks) // 2
    eigenvalues = depth(states[-1]).eigenvalues
    true = [float(spectrum(blocks[b], 1).eigenvalues[0]) for b in (0, middle)]
    errors = [abs(float(eigenvalues[b]) / v - 1) for b, v in zip((0, middle), true, strict=True)]
    share = 1 / (len(states) * len(blocks))
    return compare(
        "depth",
        f"map of {len(states)} tokens at {len(blocks)} blocks",
        Method(lambda: depth_map([replace(state) for state in states])),
        {
            "one site after another (the middle one, scaled)": Method(
                lambda: spectrum(replace(blocks[middle]), 1), share
            )
        },
        {"relative error of an eigenvalue": max(errors)},
    )
