"""The stable region of a language model's prediction.

How far may the vector that produces the next-token logits move along a direction before the
prediction has changed by more than `ε` nats? Load a model, capture a state, and ask:

    lm = stability.load("smollm2-135m")
    state = lm.capture("The capital of France is")
    spectrum = stability.spectrum(state)
    ray = stability.ray(state, spectrum.vectors[:, 0])
    ray.predicted_radius(0.01), ray.boundary(0.01), ray.certificate(0.01)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stability.clouds import Cloud, cloud
    from stability.continuation import Continuation
    from stability.curvature.directions import Direction
    from stability.curvature.spectrum import Spectrum, spectrum
    from stability.depths import Depth, across, depth, depth_map
    from stability.errors import StabilityError
    from stability.exact.flips import Flip
    from stability.maps import Sensitivity, token_map
    from stability.models import LanguageModel, load
    from stability.models.writing import continuations
    from stability.paths import Path, path
    from stability.prediction.state import State, Token
    from stability.rays import Ray, ray
    from stability.regions import Region, region

__version__ = "0.1.0"

_HOMES = {
    "Cloud": "clouds",
    "cloud": "clouds",
    "Continuation": "continuation",
    "continuations": "models.writing",
    "Depth": "depths",
    "across": "depths",
    "depth": "depths",
    "depth_map": "depths",
    "Direction": "curvature.directions",
    "StabilityError": "errors",
    "Flip": "exact.flips",
    "Sensitivity": "maps",
    "token_map": "maps",
    "LanguageModel": "models",
    "load": "models",
    "Path": "paths",
    "path": "paths",
    "Ray": "rays",
    "ray": "rays",
    "Region": "regions",
    "region": "regions",
    "Spectrum": "curvature.spectrum",
    "spectrum": "curvature.spectrum",
    "State": "prediction.state",
    "Token": "prediction.state",
}
__all__ = [
    "Cloud",
    "Continuation",
    "Depth",
    "Direction",
    "Flip",
    "LanguageModel",
    "Path",
    "Ray",
    "Region",
    "Sensitivity",
    "Spectrum",
    "StabilityError",
    "State",
    "Token",
    "across",
    "cloud",
    "continuations",
    "depth",
    "depth_map",
    "load",
    "path",
    "ray",
    "region",
    "spectrum",
    "token_map",
]


def __dir__() -> list[str]:
    """The public names, for completion."""
    return __all__


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: torch alone takes seconds."""
    if name not in _HOMES:
        raise AttributeError(f"module 'stability' has no attribute {name!r}")
    return getattr(import_module(f"stability.{_HOMES[name]}"), name)
