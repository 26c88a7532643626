"""Vectors of the built-in prompts (`prompts.txt`): a sample of a model's vectors at a site."""

from importlib.resources import files
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float
from torch import Tensor

from stability.prediction.pause import Pause, no_pause
from stability.prediction.source import Model

_vectors: WeakKeyDictionary[Model, dict[str, Tensor]] = WeakKeyDictionary()


def background_vectors(lm: Model, site: str, pause: Pause = no_pause) -> Float[Tensor, "n d"]:
    """Capture all positions of the built-in prompts at a site, but the first of each.

    The first position is an attention sink (arXiv 2309.17453): in the middle blocks its vector is a
    hundred times longer than others, and alone would be nearly all of their covariance.
    Memoised by model and site for as long as the model exists. `pause` is called before each prompt.
    """
    by_site = _vectors.setdefault(lm, {})
    if site not in by_site:
        prompts = files("stability.models").joinpath("prompts.txt").read_text("utf-8")
        captured = []
        for prompt in filter(None, prompts.splitlines()):
            pause()
            captured.append(lm.capture_all(prompt, site))
        by_site[site] = torch.stack([state.vector for states in captured for state in states[1:]])
    return by_site[site]
