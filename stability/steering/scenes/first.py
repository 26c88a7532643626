"""The first scene of a dose, that of the default choice, which ships with the package.

A page shows it before torch is imported and a model is loaded.
`python -m stability.steering.scenes.first` writes it anew.
"""

from typing import TYPE_CHECKING, Any

from stability.defaults import MODELS
from stability.instrument.first import ship, shipped, shortened
from stability.steering.vectors.pairs import EXAMPLE, read_pairs

if TYPE_CHECKING:
    from stability.models import LanguageModel
    from stability.steering.doses.dose import Dose

MODEL, BLOCKS, METHOD = MODELS[0], 30, "mean"
PAIRS, SITE = EXAMPLE, f"block:{BLOCKS // 2}"
PROMPT = (
    "I went to the market this morning because I wanted to buy some fresh fruit, and the man behind "
    "the counter told me"
)
# of the texts that are written
STATISTIC, SIGN, WRITTEN = "p95", 1, 24
# at which the text is coloured first, in nats
EPSILON = 0.1


def first() -> dict[str, Any]:
    """The scene of the default choice, as it was computed when the package was made."""
    return shipped(__package__)


def measure(lm: "LanguageModel") -> "Dose":
    """The dose of the default choice, as predicted."""
    from stability.steering.doses.dose import dose
    from stability.steering.vectors.contrast import contrast_vector

    return dose(lm, contrast_vector(lm, *read_pairs(PAIRS), SITE, METHOD), PROMPT)


def make(lm: "LanguageModel") -> dict[str, Any]:
    """The scene of the default choice, computed by the default model."""
    from stability.curvature import fisher
    from stability.steering.doses.layers import dose_map
    from stability.steering.scenes import scene_parts as parts
    from stability.steering.scenes.scene import dose_scene
    from stability.steering.texts.written import steered_texts

    measured = measure(lm)
    information = parts.by_statistic(measured.information[0])[STATISTIC]
    c = fisher.radius(information or 0.0, EPSILON) or 0.0
    named = parts.writing_coefficients(measured, STATISTIC, SIGN)
    texts = steered_texts(lm, PROMPT, measured.vector, [*named.values()], WRITTEN)
    made = dose_scene(
        measured,
        {"pairs": read_pairs(PAIRS), "method": METHOD, "site": SITE},
        truth=parts.truth_part(measured),
        passes=[parts.pass_part(measured.texts[0], float(f"{c:.4g}"))],
        prices=parts.prices_part(measured),
        layers=parts.layers_part(dose_map(lm, measured.vector, PROMPT)),
        written=parts.written_part(STATISTIC, SIGN, [*named], texts),
        wanted={"statistic": STATISTIC, "sign": SIGN},
    )
    short: dict[str, Any] = shortened(made)
    return short


if __name__ == "__main__":
    ship(make, __file__)
