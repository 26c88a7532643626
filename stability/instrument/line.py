"""The line of a scene: the truth along a ray, in a form a browser computes with, or the closed form."""

from typing import Any

from stability.geometry.ray import Ray
from stability.instrument.epsilons import LARGEST_EPSILON
from stability.instrument.law import REACH, law
from stability.text import spelled

EXACT, CLOSED_FORM = "exact", "closed form"


def line(ray: Ray, with_truth: bool = True) -> dict[str, Any] | None:
    """The truth along a ray; None in a direction without curvature.

    Where the logits are not linear the network is run for it: without the truth, the closed form.
    """
    radius = ray.predicted_radius(LARGEST_EPSILON)
    if radius is None:
        return None
    exact = law(ray)
    if exact is not None:
        texts = [spelled(ray.state.text(token)) for token in exact.ids.tolist()]
        return {"kind": EXACT, **exact.as_json(), "texts": texts}
    return {"kind": CLOSED_FORM, "variance": ray.curvature, "reach": [REACH * radius] * 2}


def is_known(drawn: dict[str, Any] | None) -> bool:
    """Whether a line holds the truth, and not the closed form alone."""
    return drawn is not None and drawn["kind"] != CLOSED_FORM
