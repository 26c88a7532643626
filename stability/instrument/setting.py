"""What was asked: the model, the prompt, the vector that is pushed, and the direction."""

import base64
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from typing import Any

from jaxtyping import Float
from torch import Tensor

import stability
from stability.curvature.direction import Direction
from stability.curvature.direction_spec import DirectionSpec, eigendirection
from stability.prediction.conversation import Conversation, PromptLike
from stability.prediction.provenance import ModelCard
from stability.prediction.state import State

# those on which the last digits of a number may depend
PACKAGES = ("torch", "transformers", "numpy")


def setting(
    state: State,
    direction: Direction,
    spec: DirectionSpec | None = None,
    second: int | None = None,
) -> dict[str, Any]:
    """The setting of a scene, from which it can be made again.

    Args:
        state: where the vector is pushed from.
        direction: along which.
        spec: its written form; None for a vector that was uploaded or pasted.
        second: the rank, from 0, of the eigendirection that spans the plane with it.

    Returns:
        The setting as plain data; `norm` is the length of the vector in its own coordinates. A
        direction without a written form comes as its numbers, float64 in base64.
    """
    return {
        **read_by(state.model, state.prompt),
        "position": state.position,
        "site": state.site,
        "direction": {
            "spec": spec and str(spec),
            "kind": direction.kind,
            "label": direction.label,
            "rank": direction.rank,
            "distance": direction.distance,
            **({} if spec else {"vector": _in_base64(direction.vector)}),
        },
        "second": None if second is None else {"rank": second, "label": eigendirection(second)},
        "seed": spec and spec.seed,
        "norm": state.norm,
        "softcap": state.readout.softcap,
    }


def _in_base64(vector: Float[Tensor, " d"]) -> str:
    """The numbers of a vector, exact: little-endian float64."""
    return base64.b64encode(vector.double().cpu().numpy().astype("<f8").tobytes()).decode()


def read_by(model: ModelCard, prompt: PromptLike) -> dict[str, Any]:
    """The part of a setting that every scene has: the model, its versions, and what it has read."""
    turns = prompt.turns if isinstance(prompt, Conversation) else None
    return {
        "model": {**asdict(model), "title": model.name},
        "version": stability.__version__,
        "versions": versions(),
        "prompt": str(prompt),
        "messages": turns and [asdict(turn) for turn in turns],
    }


@cache
def versions() -> dict[str, str]:
    """The versions of the packages that compute."""
    return {package: version(package) for package in PACKAGES}
