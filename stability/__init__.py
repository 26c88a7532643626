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
    from stability.curvature.directions import Direction
    from stability.curvature.spectrum import Spectrum, spectrum
    from stability.errors import StabilityError
    from stability.exact.flips import Flip
    from stability.geometry.cloud import Cloud, cloud
    from stability.geometry.continuation import Continuation
    from stability.geometry.depth import Depth, across, depth, depth_map
    from stability.geometry.interpolation import Path, path
    from stability.geometry.ray import Ray, ray
    from stability.geometry.region import Region, region
    from stability.geometry.sensitivity import Sensitivity, token_map
    from stability.models import LanguageModel, load
    from stability.models.generation import continuations
    from stability.prediction.state import State, Token

__version__ = "0.1.0"

_HOMES = {
    "Cloud": "geometry.cloud",
    "cloud": "geometry.cloud",
    "Continuation": "geometry.continuation",
    "continuations": "models.generation",
    "Depth": "geometry.depth",
    "across": "geometry.depth",
    "depth": "geometry.depth",
    "depth_map": "geometry.depth",
    "Direction": "curvature.directions",
    "StabilityError": "errors",
    "Flip": "exact.flips",
    "Sensitivity": "geometry.sensitivity",
    "token_map": "geometry.sensitivity",
    "LanguageModel": "models",
    "load": "models",
    "Path": "geometry.interpolation",
    "path": "geometry.interpolation",
    "Ray": "geometry.ray",
    "ray": "geometry.ray",
    "Region": "geometry.region",
    "region": "geometry.region",
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
