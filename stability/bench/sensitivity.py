"""The map of all tokens of a prompt, against dense eigenvalues at each."""

from collections.abc import Sequence

import torch

from stability.bench.timing import Comparison, Method, compare
from stability.curvature import fisher
from stability.geometry.token_map import token_map
from stability.prediction.state import State


def compare_token_map(states: Sequence[State]) -> list[Comparison]:
    """Radius, ball, nearest flip, bound and entropy of every token of a prompt."""
    sensitivities = token_map(states)
    checked = range(0, len(states), max(len(states) // 4, 1))
    true = [float(torch.linalg.eigvalsh(fisher.dense(states[i]))[-1]) for i in checked]
    errors = [
        abs(sensitivities[i].eigenvalue / value - 1) for i, value in zip(checked, true, strict=True)
    ]
    return [
        compare(
            "map",
            f"radius, ball, flip, bound, entropy of {len(states)} tokens",
            Method(lambda: token_map(states)),
            {
                f"dense eigh (1 of {len(states)} tokens, scaled)": Method(
                    lambda: torch.linalg.eigh(fisher.dense(states[-1])), share=1 / len(states)
                )
            },
            {"relative error of an eigenvalue": max(errors)},
        )
    ]
