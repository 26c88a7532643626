"""Scenes of small states, as a page sends them."""

from typing import Any

import stability
from stability.curvature.direction import Direction
from stability.curvature.direction_spec import DirectionSpec, eigendirection
from stability.geometry.analysis import Analysis, along
from stability.instrument.line import line
from stability.instrument.plane import plane
from stability.instrument.scene import scene
from stability.prediction.state import State


def eigen_analysis(state: State, rank: int = 0, k: int = 3) -> Analysis:
    """The analysis of a state along one of its eigendirections."""
    pairs = stability.spectrum(state, k=k)
    found = Direction("eig", eigendirection(rank), pairs.vectors[:, rank], rank)
    return along(state, pairs, found)


def eigen_scene(analysis: Analysis, second: int = 1, **parts: Any) -> dict[str, Any]:
    """The whole scene of an analysis along an eigendirection, in a plane with another."""
    spec = DirectionSpec("eig", analysis.direction.rank or 0)
    region = stability.region(
        analysis.state, analysis.direction.vector, analysis.spectrum.vectors[:, second]
    )
    drawn = {"ray_line": line(analysis.ray), "plane": plane(region), "second": second}
    return scene(analysis, spec, **{**drawn, **parts})
