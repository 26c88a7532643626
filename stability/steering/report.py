"""A dose as plain data, ready for JSON, and as a Markdown table."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from stability.steering.budget import Budget
from stability.steering.dose import Dose
from stability.steering.side_search import number
from stability.steering.truth import Truth

STATISTICS = ("last", "mean", "p95")
SIDES = ("minus", "plus")


def dose_report(dose: Dose, epsilons: Sequence[float]) -> dict[str, Any]:
    """Everything that is known of a dose as plain data.

    Args:
        dose: of a vector on some prompts.
        epsilons: nats.

    Returns:
        The model, the vector, every token's doses, and the budgets of statistics. Coefficients are in
        the file's own units; None where there is none.

    Raises:
        StabilityError: an epsilon is not a positive number of nats.
    """
    truth = dose.truth(epsilons, *STATISTICS)
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
            {"prompt": str(text.prompt), "tokens": [*_tokens(dose, truth, index)]}
            for index, text in enumerate(dose.texts)
        ],
        "budgets": [_budget(budget) for budget in dose.budgets(epsilons, *STATISTICS, truth=truth)],
    }


def _budget(budget: Budget) -> dict[str, Any]:
    names = ("epsilon", "statistic", "predicted", *SIDES)
    return {name: getattr(budget, name) for name in names}


def _tokens(dose: Dose, truth: Truth, index: int) -> Iterator[dict[str, Any]]:
    text, information = dose.texts[index], dose.information[index]
    predicted = [dose.predicted(epsilon)[index] for epsilon in truth.epsilons.tolist()]
    for token in text.tokens:
        flip = dict(zip(SIDES, map(number, truth.flips[index][:, token.index]), strict=True))
        yield {
            "index": token.index,
            "id": token.id,
            "text": token.text,
            "information": float(information[token.index]),
            "doses": [
                {
                    "epsilon": epsilon,
                    "predicted": number(predicted[column][token.index]),
                    **dict(
                        zip(
                            SIDES,
                            map(number, truth.doses[index][:, token.index, column]),
                            strict=True,
                        )
                    ),
                    "flip": flip,
                }
                for column, epsilon in enumerate(truth.epsilons.tolist())
            ],
        }
