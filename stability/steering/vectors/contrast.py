"""Steering vectors made of pairs of prompts that differ in what is wanted: more of it, and less."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from stability.errors import StabilityError
from stability.models.language_model import LanguageModel
from stability.prediction.conversation import PromptLike
from stability.steering.passes.intervention import sites_by_block
from stability.steering.passes.reading import prompts_in
from stability.text import counted, repeated
from stability.vector_files.steering_vector import SteeringVector, sites_in

MEAN, PCA = "mean", "pca"


def contrast_vector(
    lm: LanguageModel,
    positive: PromptLike | Sequence[PromptLike],
    negative: PromptLike | Sequence[PromptLike],
    site: str,
    method: str = MEAN,
) -> SteeringVector:
    """Make a steering vector of pairs of prompts, from the states of their last tokens.

    Three lines make one and measure its dose::

        lm = stability.load("smollm2-135m")
        vector = stability.contrast_vector(lm, ["I love this"], ["I hate this"], "block:12")
        stability.dose(lm, vector, "The weather today is").budgets(0.1)

    Args:
        lm: a loaded model.
        positive: the prompt, or the prompts, towards which the vector points.
        negative: as many, each the other of a pair.
        site: where the states are taken and the vector is applied; several with commas.
        method: `mean`, the mean of the differences; or `pca`, the direction along which the differences
            are longest, with the sign of their mean and the length of their mean square along it.

    Returns:
        The vector by site, measured where it is applied.

    Raises:
        StabilityError: there are no pairs, or a prompt has no partner; the method is another; two sites
            are one; the states of all pairs are equal; or as for `LanguageModel.capture`.
    """
    more, less = prompts_in(positive), prompts_in(negative)
    if len(more) != len(less):
        raise StabilityError(
            "Contrast pairs need as many prompts on either side; received "
            f"{len(more)} and {len(less)}: give the other of each pair."
        )
    if method not in (MEAN, PCA):
        raise StabilityError(
            f"A contrast vector is a mean or a pca of differences; received {method!r:.40}: use mean."
        )
    sites = sites_in(site)
    sites_by_block(lm, sites)
    vectors = {each: _of(_differences(lm, more, less, each), method) for each in sites}
    return SteeringVector(
        file=f"{method} of {counted(len(more), 'contrast pair')}",
        format="contrast",
        vectors=vectors,
        extracted={each: each for each in sites},
        warnings=repeated([*zip(more, less, strict=True)], "contrast pair"),
    )


def _differences(
    lm: LanguageModel,
    positive: Sequence[PromptLike],
    negative: Sequence[PromptLike],
    site: str,
) -> Float[ndarray, "n d"]:
    pairs = zip(positive, negative, strict=True)
    found = [[lm.capture(prompt, site=site).vector.double() for prompt in pair] for pair in pairs]
    return np.stack([(more - less).cpu().numpy() for more, less in found])


def _of(differences: Float[ndarray, "n d"], method: str) -> Float[ndarray, " d"]:
    mean = differences.mean(axis=0)
    if method == MEAN:
        return mean
    # not centred: what the pairs have in common is what is wanted
    _, lengths, rows = np.linalg.svd(differences, full_matrices=False)
    direction, length = rows[0], lengths[0] / np.sqrt(len(differences))
    return length * direction * (-1.0 if direction @ mean < 0 else 1.0)
