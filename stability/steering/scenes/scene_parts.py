"""The parts of a dose's scene that take their time, each as plain data: see `scene`."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from stability.arguments import levels
from stability.curvature import fisher
from stability.defaults import DOSE_EPSILONS, DOSE_STATISTICS
from stability.geometry.continuation import Continuation
from stability.instrument.plain import plain, rounded
from stability.prediction.pause import Pause, no_pause
from stability.steering.crossings import statistics
from stability.steering.crossings.budget import SIDES
from stability.steering.crossings.truth import find_truth
from stability.steering.doses.dose import Dose
from stability.steering.doses.layers import DoseMap
from stability.steering.passes.intervention import first_changed
from stability.steering.passes.steered_text import SteeredText
from stability.text import spelled

Part = dict[str, Any]
# next tokens that are listed on either side
PRICES = 5
# of the largest predicted dose: where both sides end
EXTENT = 2.5
# coefficients of a side at which curves are sampled, from a part of the smallest predicted dose on
SIDE_POINTS, FIRST_PART = 12, 0.3


def by_statistic(information: Float[ndarray, " T"], start: int = 0) -> dict[str, float | None]:
    """The statistics of a text's informations, by name, where it is changed from `start` on."""
    statistics_by_name = {
        name: statistics.of_text(name, information[:, None], start)[0] for name in DOSE_STATISTICS
    }
    made: dict[str, float | None] = plain(statistics_by_name)
    return made


def extent(dose: Dose) -> float:
    """The coefficient to which both sides are drawn: past every predicted dose."""
    doses = _predicted(dose)
    return EXTENT * max(doses) if doses else dose.texts[0].reach or 1.0


def truth_part(dose: Dose, on_run: Pause = no_pause) -> Part:
    """The true doses of the statistics, and how each statistic grows with the coefficient.

    Args:
        dose: of a vector on one text.
        on_run: called before each run of the network; what it raises ends the work.

    Returns:
        The part of the scene.
    """
    [text] = dose.texts
    # of statistics alone: that of every token takes several times as long
    truth = find_truth(
        dose.texts,
        levels(DOSE_EPSILONS),
        dose.information,
        DOSE_STATISTICS,
        dose.reverse,
        tokens=False,
        on_run=on_run,
    )
    doses = [
        {
            **{name: getattr(budget, name) for name in ("epsilon", "statistic", "minus", "plus")},
            "kinds": budget.kinds,
        }
        for budget in dose.budgets(DOSE_EPSILONS, *DOSE_STATISTICS, truth=truth)
    ]
    c = _sampled(dose, truth.limit)
    on_run()
    kl = text.divergences(c)
    curves = {name: rounded(statistics.of_text(name, kl, text.start)) for name in DOSE_STATISTICS}
    return {"limit": truth.limit, "doses": doses, "curves": {"c": rounded(c), **curves}}


def pass_part(text: SteeredText, c: float) -> Part:
    """What one pass says at a coefficient: every token's divergence, and who leads then."""
    everywhere = dict.fromkeys(range(len(text.states)), range(1))
    perturbed = [each for _, each, _ in text.read(text.vectors([c]), everywhere)]
    spell = text.states[0].text
    return {
        "c": c,
        "kl": rounded(np.array([each.kl[0] for each in perturbed])),
        "leading": [
            {"id": int(each.argmax[0]), "text": spelled(spell(int(each.argmax[0])))}
            for each in perturbed
        ],
    }


def prices_part(dose: Dose) -> list[Part]:
    """The next tokens that the vector buys first, at every token and on both sides."""
    [text] = dose.texts
    return [
        {
            side: [{**asdict(price), "text": spelled(price.text)} for price in prices]
            for side, prices in zip(SIDES, dose.prices(position, PRICES), strict=True)
        }
        for position in range(len(text.states))
    ]


def layers_part(layers: DoseMap) -> list[Part]:
    """The statistics of the information after every block."""
    [tokens] = layers.tokens
    start = first_changed(layers.positions, len(tokens))
    return [
        {"site": site, "information": by_statistic(information, start)}
        for site, [information] in zip(layers.sites, layers.information, strict=True)
    ]


def written_part(
    statistic: str, sign: int, names: Sequence[str], texts: Sequence[Continuation]
) -> Part:
    """What a model writes at some coefficients, each with its name."""
    return {
        "statistic": statistic,
        "sign": sign,
        "texts": [
            {
                "name": name,
                "coefficient": text.distance,
                "first_difference": text.first_difference,
                "tokens": [
                    {"id": token.id, "text": spelled(token.text), "kl": kl}
                    for token, kl in zip(text.tokens, text.kl, strict=True)
                ],
            }
            for name, text in zip(names, texts, strict=True)
        ],
    }


def writing_coefficients(dose: Dose, statistic: str, sign: int) -> dict[str, float]:
    """By name 0, and the predicted doses c(0.1), c(1), 2·c(1) of a side; 0 alone without any."""
    information = by_statistic(dose.information[0], dose.texts[0].start)[statistic]
    tenth, one = (fisher.radius(information or 0.0, epsilon) for epsilon in (0.1, 1.0))
    if tenth is None or one is None:
        return {"0": 0.0}
    return {"0": 0.0, "c(0.1)": sign * tenth, "c(1)": sign * one, "2·c(1)": sign * 2 * one}


def _predicted(dose: Dose) -> list[float]:
    """The predicted doses of every statistic at every `ε`."""
    radii = [
        fisher.radius(value or 0.0, epsilon)
        for value in by_statistic(dose.information[0], dose.texts[0].start).values()
        for epsilon in DOSE_EPSILONS
    ]
    return [radius for radius in radii if radius is not None]


def _sampled(dose: Dose, limit: float) -> Float[ndarray, " m"]:
    """Coefficients of both sides, ascending, with 0 between them."""
    doses = _predicted(dose)
    last = min(extent(dose), limit)
    first = min(FIRST_PART * min(doses, default=last), last / 2)
    side = np.geomspace(first, last, SIDE_POINTS)
    return np.concatenate([-side[::-1], [0.0], side])
