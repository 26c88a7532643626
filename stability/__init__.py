"""The stable region of a language model's prediction.

How far may the vector that produces the next-token logits move along a direction before the
prediction has changed by more than `ε` nats? Load a model, capture a state, and ask:

    lm = stability.load("smollm2-135m")
    state = lm.capture("The capital of France is")
    spectrum = stability.spectrum(state)
    ray = stability.ray(state, spectrum.vectors[:, 0])
    ray.predicted_radius(0.01), ray.boundary(0.01), ray.certificate(0.01)

The chapters, each resting only on those before it: `stability.prediction` (the next-token
distribution), `stability.curvature` (the closed form), `stability.exact` (the truth where logits are
linear), `stability.numerical` (where they are not), `stability.geometry` (rays, regions, depths),
`stability.dictionaries` (thousands of directions at once).
Models come from `stability.models`, steering vectors from `stability.vector_files` and their dose from
`stability.steering`; many prompts are measured by `stability.sweeps` and scored by
`stability.evaluation`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stability.curvature.direction import Direction
    from stability.curvature.spectrum import Spectrum, spectrum
    from stability.dictionaries.dictionary import Dictionary
    from stability.dictionaries.measure import dictionary
    from stability.errors import StabilityError
    from stability.exact.flips import Flip
    from stability.geometry.cheapest_push import cheapest_push
    from stability.geometry.cloud import Cloud, cloud
    from stability.geometry.continuation import Continuation
    from stability.geometry.depth import Depth, depth, depth_map
    from stability.geometry.depth_check import DepthCheck, depth_check
    from stability.geometry.interpolation import Interpolation, interpolation
    from stability.geometry.push_to_token import Push
    from stability.geometry.ray import Ray, ray
    from stability.geometry.region import Region, region
    from stability.geometry.rivals import Rivals, rivals
    from stability.geometry.sensitivity import Sensitivity, sensitivity
    from stability.geometry.token_map import token_map
    from stability.instrument.explore import explore
    from stability.models import LanguageModel, load
    from stability.models.comparisons import Comparison
    from stability.models.generation import continuations
    from stability.models.self_check import SelfCheck, check
    from stability.prediction.bare import bare_state
    from stability.prediction.conversation import Conversation
    from stability.prediction.provenance import Token
    from stability.prediction.readout import Readout
    from stability.prediction.state import State
    from stability.steering.checks.vector_check import check_vector
    from stability.steering.crossings.budget import Budget
    from stability.steering.doses.dose import Dose, dose
    from stability.steering.doses.layers import DoseMap, dose_map
    from stability.steering.doses.prices import Price
    from stability.steering.vectors.contrast import contrast_vector
    from stability.vector_files.registry import read_vectors
    from stability.vector_files.steering_vector import SteeringVector
    from stability.vector_files.vector_file import VectorFile
    from stability.vector_files.write import write_vectors

__version__ = "0.1.0"

_HOMES = {
    "Push": "geometry.push_to_token",
    "Rivals": "geometry.rivals",
    "cheapest_push": "geometry.cheapest_push",
    "rivals": "geometry.rivals",
    "Cloud": "geometry.cloud",
    "cloud": "geometry.cloud",
    "Continuation": "geometry.continuation",
    "continuations": "models.generation",
    "Conversation": "prediction.conversation",
    "Depth": "geometry.depth",
    "DepthCheck": "geometry.depth_check",
    "depth": "geometry.depth",
    "depth_check": "geometry.depth_check",
    "depth_map": "geometry.depth",
    "Dictionary": "dictionaries.dictionary",
    "dictionary": "dictionaries.measure",
    "Direction": "curvature.direction",
    "explore": "instrument.explore",
    "StabilityError": "errors",
    "Flip": "exact.flips",
    "Interpolation": "geometry.interpolation",
    "interpolation": "geometry.interpolation",
    "LanguageModel": "models",
    "load": "models",
    "Ray": "geometry.ray",
    "ray": "geometry.ray",
    "bare_state": "prediction.bare",
    "check": "models.self_check",
    "SelfCheck": "models.self_check",
    "Comparison": "models.comparisons",
    "Readout": "prediction.readout",
    "Region": "geometry.region",
    "region": "geometry.region",
    "Sensitivity": "geometry.sensitivity",
    "sensitivity": "geometry.sensitivity",
    "token_map": "geometry.token_map",
    "Spectrum": "curvature.spectrum",
    "spectrum": "curvature.spectrum",
    "State": "prediction.state",
    "Token": "prediction.provenance",
    "Budget": "steering.crossings.budget",
    "Dose": "steering.doses.dose",
    "dose": "steering.doses.dose",
    "DoseMap": "steering.doses.layers",
    "dose_map": "steering.doses.layers",
    "Price": "steering.doses.prices",
    "check_vector": "steering.checks.vector_check",
    "contrast_vector": "steering.vectors.contrast",
    "read_vectors": "vector_files.registry",
    "write_vectors": "vector_files.write",
    "SteeringVector": "vector_files.steering_vector",
    "VectorFile": "vector_files.vector_file",
}
_OLD_SPELLINGS = {"across": "depth_check", "path": "interpolation", "Path": "Interpolation"}
__all__ = [
    "Budget",
    "Cloud",
    "Comparison",
    "Continuation",
    "Conversation",
    "Depth",
    "DepthCheck",
    "Dictionary",
    "Direction",
    "Dose",
    "DoseMap",
    "Flip",
    "Interpolation",
    "LanguageModel",
    "Price",
    "Push",
    "Ray",
    "Readout",
    "Region",
    "Rivals",
    "SelfCheck",
    "Sensitivity",
    "Spectrum",
    "StabilityError",
    "State",
    "SteeringVector",
    "Token",
    "VectorFile",
    "bare_state",
    "cheapest_push",
    "check",
    "check_vector",
    "cloud",
    "continuations",
    "contrast_vector",
    "depth",
    "depth_check",
    "depth_map",
    "dictionary",
    "dose",
    "dose_map",
    "explore",
    "interpolation",
    "load",
    "ray",
    "read_vectors",
    "region",
    "rivals",
    "sensitivity",
    "spectrum",
    "token_map",
    "write_vectors",
]


def __dir__() -> list[str]:
    """The public names, for completion."""
    return __all__


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, and keep it: torch alone takes seconds."""
    current = _OLD_SPELLINGS.get(name, name)
    if current not in _HOMES:
        raise AttributeError(f"module 'stability' has no attribute {name!r}")
    value = getattr(import_module(f"stability.{_HOMES[current]}"), current)
    globals()[name] = value
    return value
