"""What is measured below the readout, against running the whole prompt again each time."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from stability.bench.timing import Row, Way, measured
from stability.curvature import fisher
from stability.curvature.spectrum import spectrum
from stability.geometry.depth import depth, depth_map
from stability.prediction.perturbation import perturb
from stability.prediction.state import State

PAIRS, POINTS = 8, 64


def depth_rows(states: Sequence[State], blocks: Sequence[State]) -> list[Row]:
    """Eigenpairs and a ray at the first and the middle block, and the map of tokens and blocks.

    `states` are all positions of a prompt at the first block, `blocks` the last position at every one.
    """
    first, middle = blocks[0], blocks[len(blocks) // 2]
    return [
        _spectrum_row(first),
        _spectrum_row(middle),
        _ray_row(first),
        _ray_row(middle),
        _map_row(states, blocks),
    ]


class WholePrompt:
    """The network above a site as one would write it: every call runs the prompt, with a hook."""

    def __init__(self, state: State) -> None:
        upper: Any = state.above
        self.position, self.passage = upper.position, upper.passage
        self.block: nn.Module = self.passage.blocks[upper.block]

    def __call__(self, vectors: Float[Tensor, "n d"]) -> Float[Tensor, "n D"]:
        """The vectors after the final norm, for several vectors that leave the block."""

        def enter(_: nn.Module, __: Any, output: Tensor) -> Tensor:
            others = output[:, : self.position], output[:, self.position + 1 :]
            return torch.cat([others[0], vectors.to(output)[:, None], others[1]], dim=1)

        ids = self.passage.ids.expand(len(vectors), -1)
        with self.block.register_forward_hook(enter):
            output = self.passage.body(input_ids=ids, use_cache=False)
        return output.last_hidden_state[:, self.position]

    def trajectory(self, vector: Float[Tensor, " d"]) -> tuple[Tensor, ...]:
        """Not measured."""
        raise NotImplementedError


def _spectrum_row(state: State) -> Row:
    whole = replace(state, above=WholePrompt(state))
    found = spectrum(state, PAIRS)
    true = torch.linalg.eigvalsh(fisher.dense(state)).flip(0)[:PAIRS]
    return measured(
        "depth",
        f"top {PAIRS} eigenpairs at {state.site}, {len(state.tokens)} tokens",
        Way(lambda: spectrum(replace(state), PAIRS)),
        {"the same, running the whole prompt": Way(lambda: spectrum(replace(whole), PAIRS))},
        {"relative error of an eigenvalue": float((found.eigenvalues / true - 1).abs().max())},
    )


def _ray_row(state: State) -> Row:
    direction = spectrum(state, 1).vectors[:, 0]
    radius = fisher.radius(float(spectrum(state, 1).eigenvalues[0]), 0.01) or 1.0
    t = radius * torch.linspace(-2, 2, POINTS, dtype=torch.float64, device=direction.device)
    perturbations = t[:, None] * direction
    whole = replace(state, above=WholePrompt(state))
    one = f"a forward pass of the whole prompt a point (1 of {POINTS}, scaled)"
    error = (
        perturb(state, perturbations[:4]).displacement
        - perturb(whole, perturbations[:4]).displacement
    )
    size = perturb(state, perturbations[:4]).displacement.norm()
    return measured(
        "depth",
        f"ray of {POINTS} points at {state.site}, {len(state.tokens)} tokens",
        Way(lambda: perturb(state, perturbations)),
        {one: Way(lambda: perturb(whole, perturbations[:1]), share=1 / POINTS)},
        {"relative error of a displacement": float(error.norm() / size)},
    )


def _map_row(states: Sequence[State], blocks: Sequence[State]) -> Row:
    middle = len(blocks) // 2
    found = depth(states[-1]).eigenvalues
    true = [float(spectrum(blocks[b], 1).eigenvalues[0]) for b in (0, middle)]
    errors = [abs(float(found[b]) / v - 1) for b, v in zip((0, middle), true, strict=True)]
    share = 1 / (len(states) * len(blocks))
    return measured(
        "depth",
        f"map of {len(states)} tokens at {len(blocks)} blocks",
        Way(lambda: depth_map([replace(state) for state in states])),
        {
            "one site after another (the middle one, scaled)": Way(
                lambda: spectrum(replace(blocks[middle]), 1), share
            )
        },
        {"relative error of an eigenvalue": max(errors)},
    )
