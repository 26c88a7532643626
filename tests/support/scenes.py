"""Scenes of small states, with the ray that they were made of."""

from typing import Any

import stability
from stability.curvature.direction import Direction
from stability.geometry.analysis import along
from stability.geometry.ray import Ray
from stability.instrument.scene import pin, scene
from stability.prediction.state import State

Scene = dict[str, Any]


def ray_scene(state: State, k: int = 3, rank: int = 0) -> tuple[Ray, Scene]:
    """A ray along an eigendirection, and its scene, which has a prompt of five tokens."""
    pairs = stability.spectrum(state, k=k)
    direction = Direction("eig", f"eigendirection {rank + 1}", pairs.vectors[:, rank], rank)
    analysis = along(state, pairs, direction)
    made = scene(analysis, second=1 if k > 1 else None)
    made["tokens"] = [prompt_token(index) for index in range(5)]
    made["setting"]["position"] = 4
    return analysis.ray, made


def prompt_token(index: int, text: str | None = None, radius: float | None = None) -> Scene:
    """A token of a prompt, as a scene has it."""
    shown = f"word{index}" if text is None else text
    known = 0.5 + 0.25 * index if radius is None else radius
    place = {"index": index, "id": 100 + index, "text": shown}
    return {**place, "role": None, "special": False, "radius": known, "entropy": 1.5}


def with_pins(made: Scene, *others: Scene) -> Scene:
    """The same scene with other rays kept."""
    return {**made, "pins": [pin(other) for other in others]}
