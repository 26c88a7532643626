"""The line of a scene: the truth along a ray, in a form a browser computes with, or the closed form."""

from typing import Any

from stability.geometry.ray import Ray
from stability.instrument.epsilons import LARGEST_EPSILON
from stability.instrument.law import REACH, Law, law
from stability.instrument.samples import Samples, samples
from stability.numerical.line import NumericalLine
from stability.text import spelled

EXACT, SAMPLED, CLOSED_FORM = "exact", "sampled", "closed form"


def line(ray: Ray, with_truth: bool = True) -> dict[str, Any] | None:
    """The truth along a ray; None in a direction without curvature.

    Where the logits are not linear the network is run for it: without the truth, the closed form.
    """
    radius = ray.predicted_radius(LARGEST_EPSILON)
    if radius is None:
        return None
    exact = law(ray)
    if exact is not None:
        return {"kind": EXACT, **_named(ray, exact)}
    if with_truth and isinstance(ray.truth, NumericalLine):
        return {"kind": SAMPLED, **_named(ray, samples(ray, ray.truth))}
    return {"kind": CLOSED_FORM, "variance": ray.curvature, "reach": [REACH * radius] * 2}


def _named(ray: Ray, truth: Law | Samples) -> dict[str, Any]:
    """The truth as plain data, with the texts of its tokens."""
    texts = [spelled(ray.state.text(token)) for token in truth.ids.tolist()]
    return {**truth.as_json(), "texts": texts}


def is_known(drawn: dict[str, Any] | None) -> bool:
    """Whether a line holds the truth, and not the closed form alone."""
    return drawn is not None and drawn["kind"] != CLOSED_FORM
