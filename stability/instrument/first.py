"""The first scene, that of the default choice, which ships with the package.

A page shows it before torch is imported and a model is loaded. `python -m stability.instrument.first`
writes it anew.
"""

import json
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stability.curvature.direction_spec import DirectionSpec
from stability.defaults import MODELS

if TYPE_CHECKING:
    from collections.abc import Callable

    from stability.prediction.source import Model

MODEL, PROMPT, DIRECTION, SECOND = MODELS[0], "The capital of France is", DirectionSpec("eig", 0), 1
# significant ones that are written
DIGITS = 7
NAME = "first.json"


def first() -> dict[str, Any]:
    """The scene of the default choice, as it was computed when the package was made."""
    return shipped(__package__)


def shipped(package: str) -> dict[str, Any]:
    """The scene that a package ships with."""
    scene: dict[str, Any] = json.loads(files(package).joinpath(NAME).read_text("utf-8"))
    return scene


def make(lm: "Model") -> dict[str, Any]:
    """The same, computed by the default model."""
    from stability.geometry.analysis import analyze
    from stability.geometry.region import region
    from stability.geometry.token_map import token_map
    from stability.instrument.plane import plane
    from stability.instrument.scene import scene

    analysis = analyze(lm, PROMPT, direction=str(DIRECTION))
    around = region(analysis.state, analysis.direction.vector, analysis.spectrum.vectors[:, SECOND])
    states = lm.capture_all(PROMPT)
    made = scene(
        analysis,
        DIRECTION,
        plane=plane(around),
        second=SECOND,
        sensitivities=token_map(states),
        norms=[state.norm for state in states],
    )
    return shortened(made)


def shortened(value: Any) -> Any:
    """The same data with its numbers to `DIGITS` digits."""
    if isinstance(value, dict):
        return {name: shortened(part) for name, part in value.items()}
    if isinstance(value, list):
        return [shortened(part) for part in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def ship(make: "Callable[[Any], dict[str, Any]]", module: str) -> None:
    """Write the scene that a function makes with the default model beside the file of its module."""
    from stability import load

    text = json.dumps(make(load(MODEL)), ensure_ascii=False, separators=(",", ":"))
    Path(module).with_name(NAME).write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    ship(make, __file__)
