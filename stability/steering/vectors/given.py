"""The steering vector that is meant for a model: from a file, what was read of one, or an array."""

from dataclasses import replace
from pathlib import Path

from numpy import ndarray
from torch import Tensor

from stability.arguments import real_array
from stability.errors import StabilityError
from stability.models.language_model import LanguageModel
from stability.steering.passes.intervention import sites_by_block
from stability.vector_files.choice import ALL, choose, choose_from
from stability.vector_files.steering_vector import SteeringVector, from_array, sites_in
from stability.vector_files.vector_file import ADD, VectorFile

VectorLike = SteeringVector | VectorFile | str | Path | Tensor | ndarray


def steering_vector(
    lm: LanguageModel,
    vector: VectorLike,
    site: str | None = None,
    mode: str | None = None,
    name: str | None = None,
) -> SteeringVector:
    """Return the steering vector that a file, what was read of one, or an array means for a model.

    Args:
        lm: the model that it is for.
        vector: as for `dose`.
        site: where it is applied; of a `SteeringVector`, which of its own sites.
        mode: `add` or `project`; by default what the vector says.
        name: of what was read of a file, the one vector that is meant.

    Returns:
        The vectors by site.

    Raises:
        StabilityError: it does not say which vector is meant, or where it belongs; or it belongs to
            other sites.
    """
    if site is not None:
        _require_sites(lm, site)
    if isinstance(vector, SteeringVector):
        return _at_sites(lm, replace(vector, mode=mode or vector.mode), site)
    if isinstance(vector, VectorFile):
        return for_model(lm, choose(vector, lm.card.n_layers, name, site, mode))
    if isinstance(vector, str | Path):
        return for_model(lm, choose_from(vector, lm.card.n_layers, site, mode))
    if site is None:
        raise StabilityError(
            "A steering vector needs a site; received an array: give site='block:12'."
        )
    return from_array(real_array(vector, "A vector's components"), site, mode or ADD)


def _require_sites(lm: LanguageModel, site: str) -> None:
    """Raise StabilityError unless a list of sites names those of the model, once each, or says all."""
    if site == ALL:
        return
    parts = [part.strip() for part in site.split(",")]
    if "" in parts or ALL in parts:
        raise StabilityError(
            "Where a vector is applied must be one site, several with commas, or all by itself; "
            f"received {site!r:.60}: try block:{lm.card.n_layers // 2}."
        )
    sites_in(site)
    sites_by_block(lm, parts)


def _at_sites(lm: LanguageModel, vector: SteeringVector, site: str | None) -> SteeringVector:
    """The part of a vector that belongs to sites; all of it where none is given."""
    if site in (None, ALL):
        return vector
    wanted = {lm.block(part.strip()) for part in str(site).split(",")}
    own = sites_by_block(lm, vector.vectors)
    if missing := [block for block in wanted if block not in own]:
        name = "prelogit" if missing[0] is None else f"block:{missing[0]}"
        raise StabilityError(
            f"A steering vector must be applied where it belongs; {vector.file!r} belongs to "
            f"{vector.site:.60}, and not to {name}: leave it out, or give the array and that site."
        )
    kept = {each: vector.vectors[each] for block, each in own.items() if block in wanted}
    return replace(vector, vectors=kept)


def for_model(lm: LanguageModel, vector: SteeringVector) -> SteeringVector:
    """The vector, with a warning where its file names another architecture."""
    kind = str(lm.model.config.get_text_config().model_type)
    if vector.model_type is None or kind.startswith(vector.model_type):
        return vector
    warning = (
        f"It was made for a model of the type {vector.model_type!r:.40}, and this is {kind!r}."
    )
    return replace(vector, warnings=(*vector.warnings, warning))
