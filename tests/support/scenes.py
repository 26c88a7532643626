"""Scenes of small states, as a page sends them."""

from typing import Any

import stability
from stability.curvature.direction import Direction
from stability.curvature.direction_spec import DirectionSpec, eigendirection
from stability.geometry.analysis import Analysis, along
from stability.geometry.ray import Ray
from stability.instrument.line import line
from stability.instrument.plane import plane
from stability.instrument.scene import pin, scene
from stability.prediction.state import State

Scene = dict[str, Any]


def eigen_analysis(state: State, rank: int = 0, k: int = 3) -> Analysis:
    """The analysis of a state along one of its eigendirections."""
    pairs = stability.spectrum(state, k=k)
    found = Direction("eig", eigendirection(rank), pairs.vectors[:, rank], rank)
    return along(state, pairs, found)


def eigen_scene(analysis: Analysis, second: int = 1, **parts: Any) -> Scene:
    """The whole scene of an analysis along an eigendirection, in a plane with another."""
    spec = DirectionSpec("eig", analysis.direction.rank or 0)
    region = stability.region(
        analysis.state, analysis.direction.vector, analysis.spectrum.vectors[:, second]
    )
    drawn = {"ray_line": line(analysis.ray), "plane": plane(region), "second": second}
    return scene(analysis, spec, **{**drawn, **parts})


def ray_scene(state: State, k: int = 3, rank: int = 0) -> tuple[Ray, Scene]:
    """A ray along an eigendirection, and its scene without a plane, for a prompt of five tokens."""
    analysis = eigen_analysis(state, rank, k)
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
