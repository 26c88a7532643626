"""The steering vector that is meant for a model: from a file, what was read of one, or an array."""

from dataclasses import replace
from pathlib import Path

from numpy import ndarray
from torch import Tensor

from stability.arguments import real_array
from stability.errors import StabilityError
from stability.models.language_model import LanguageModel
from stability.vector_files.choice import choose, choose_from
from stability.vector_files.steering_vector import SteeringVector, from_array
from stability.vector_files.vector_file import ADD, VectorFile

VectorLike = SteeringVector | VectorFile | str | Path | Tensor | ndarray


def steering_vector(
    lm: LanguageModel, vector: VectorLike, site: str | None = None, mode: str | None = None
) -> SteeringVector:
    """Return the steering vector that a file, what was read of one, or an array means for a model.

    Args:
        lm: the model that it is for.
        vector: as for `dose`.
        site: where it is applied.
        mode: `add` or `project`.

    Returns:
        The vectors by site.

    Raises:
        StabilityError: it does not say which vector is meant, or where it belongs.
    """
    if isinstance(vector, SteeringVector):
        return vector
    if isinstance(vector, VectorFile):
        return for_model(lm, choose(vector, lm.card.n_layers, None, site, mode))
    if isinstance(vector, str | Path):
        return for_model(lm, choose_from(vector, lm.card.n_layers, site, mode))
    if site is None:
        raise StabilityError(
            "A steering vector needs a site; received an array: give site='block:12'."
        )
    return from_array(real_array(vector, "A vector's components"), site, mode or ADD)


def for_model(lm: LanguageModel, vector: SteeringVector) -> SteeringVector:
    """The vector, with a warning where its file names another architecture."""
    kind = str(lm.model.config.get_text_config().model_type)
    if vector.model_type is None or kind.startswith(vector.model_type):
        return vector
    warning = (
        f"It was made for a model of the type {vector.model_type!r:.40}, and this is {kind!r}."
    )
    return replace(vector, warnings=(*vector.warnings, warning))
