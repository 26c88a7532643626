"""A dose as plain data, ready for JSON."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from jaxtyping import Float
from numpy import ndarray

from stability.defaults import DOSE_STATISTICS
from stability.steering.crossings.budget import SIDES, number
from stability.steering.crossings.truth import Truth, kind
from stability.steering.doses.dose import Dose
from stability.steering.doses.layers import DoseMap


def dose_report(
    dose: Dose, epsilons: Sequence[float], names: Sequence[str] = DOSE_STATISTICS
) -> dict[str, Any]:
    """Everything that is known of a dose as plain data.

    Args:
        dose: of a vector on some prompts.
        epsilons: nats.
        names: of the statistics over tokens.

    Returns:
        The model, the vector, every token's doses, the price list of each prompt's last token, and the
        budgets of statistics. Coefficients are in the file's own units; None where there is none, of
        which `kind` says why: `not reached` up to `limit`, `unresolved`, or `undefined`.

    Raises:
        StabilityError: an epsilon is not a positive number of nats, or a statistic is unknown.
    """
    truth = dose.truth(epsilons, *names)
    vector = dose.vector
    return {
        "model": asdict(dose.model),
        "vector": {
            "file": vector.file,
            "format": vector.format,
            "site": vector.site,
            "mode": vector.mode,
            "norm": vector.norm,
        },
        "positions": dose.positions if isinstance(dose.positions, str) else list(dose.positions),
        "prompts": [
            {
                "prompt": str(text.prompt),
                "tokens": [*_tokens(dose, truth, index)],
                "prices": _prices(dose, truth, index),
            }
            for index, text in enumerate(dose.texts)
        ],
        "budgets": [budget.report() for budget in dose.budgets(epsilons, *names, truth=truth)],
        "limit": truth.limit,
        "divergence": "KL(changed ‖ original)" if dose.reverse else "KL(original ‖ changed)",
    }


def layers_report(layers: DoseMap, epsilons: Sequence[float]) -> list[dict[str, Any]]:
    """The predicted doses after each block as plain data: statistics over tokens at every `ε`."""
    columns = [
        (epsilon, name, layers.predicted(epsilon, name))
        for epsilon in epsilons
        for name in DOSE_STATISTICS
    ]
    return [
        {
            "site": site,
            "reach": number(layers.reach[layer]),
            "doses": [
                {"epsilon": epsilon, "statistic": name, "predicted": number(doses[layer])}
                for epsilon, name, doses in columns
            ],
        }
        for layer, site in enumerate(layers.sites)
    ]


def _prices(dose: Dose, truth: Truth, index: int) -> dict[str, Any]:
    """What the vector buys first after a text's last token, and what it truly does."""
    sides = zip(SIDES, dose.prices(text=index), strict=True)
    changes = zip(SIDES, truth.flips[index][:, -1], truth.winners[index][:, -1], strict=True)
    spell = dose.texts[index].states[-1].text
    return {side: [asdict(price) for price in prices] for side, prices in sides} | {
        "first": {
            side: {"coefficient": float(c), "id": int(token), "text": spell(int(token))}
            if token >= 0
            else None
            for side, c, token in changes
        }
    }


def _tokens(dose: Dose, truth: Truth, index: int) -> Iterator[dict[str, Any]]:
    text, information = dose.texts[index], dose.information[index]
    epsilons = truth.epsilons.tolist()
    predicted = [dose.predicted(epsilon)[index] for epsilon in epsilons]
    for i, token in enumerate(text.tokens):
        flips, doses = truth.flips[index][:, i], truth.doses[index][:, i]
        yield {
            "index": token.index,
            "id": token.id,
            "text": token.text,
            "information": float(information[i]),
            "doses": [
                {
                    "epsilon": epsilon,
                    "predicted": number(predicted[column][i]),
                    **_by_side(number, doses[:, column]),
                    "flip": _by_side(number, flips),
                    "kind": _by_side(kind, doses[:, column]) | {"flip": _by_side(kind, flips)},
                }
                for column, epsilon in enumerate(epsilons)
            ],
        }


def _by_side(function: Callable[[float], Any], values: Float[ndarray, " 2"]) -> dict[str, Any]:
    return {side: function(value) for side, value in zip(SIDES, values, strict=True)}
