"""The vector of a choice on the Dose page: made, or read, and put where it is applied."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from stability.models import LanguageModel
from stability.steering.vectors.contrast import contrast_vector
from stability.steering.vectors.given import for_model
from stability.steering.vectors.pairs import read_pairs
from stability.ui.cached.job import turn
from stability.ui.cached.keyed import cached
from stability.ui.cached.models import loaded
from stability.ui.dose_choice import DoseChoice, FromContent, FromPairs, FromPath
from stability.vector_files.choice import choose
from stability.vector_files.registry import parse_vectors, read_vectors
from stability.vector_files.steering_vector import SteeringVector
from stability.vector_files.vector_file import ADD


def vector_of(choice: DoseChoice) -> tuple[SteeringVector, Mapping[str, Any]]:
    """The vector of a choice, and what makes it again."""
    lm = loaded(choice.model)
    match choice.vector:
        case FromPairs(pairs, method, site):
            made = _contrast(choice.model, pairs, method, site)
            [values] = made.vectors.values()
            at = choice.site or site
            moved = replace(
                made, vectors={at: values}, extracted={at: site}, mode=choice.mode or ADD
            )
            return moved, {"pairs": read_pairs(pairs), "method": method, "site": site}
        case FromContent(name, data, entry, is_file):
            file = parse_vectors(data, name)
            source = {"file": name, "name": entry} if is_file else {"numbers": True}
        case FromPath(path, entry):
            file, source = read_vectors(path), {"file": path, "name": entry}
    chosen = choose(file, lm.card.n_layers, entry, choice.site, choice.mode)
    return for_model(lm, chosen), source


@cached(16, parts=lambda model, *_: loaded(model))
def _contrast(_lm: LanguageModel, model: str, pairs: str, method: str, site: str) -> SteeringVector:
    positive, negative = read_pairs(pairs)
    with turn():
        return contrast_vector(_lm, positive, negative, site, method)
