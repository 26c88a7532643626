"""Cached results of the Dose page, made in the background: the parts of a dose's scene."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from stability.models.progress import Report
from stability.steering.doses.dose import Dose, dose
from stability.steering.doses.layers import dose_map
from stability.steering.scenes.first import WRITTEN
from stability.steering.scenes.scene_parts import (
    Part,
    layers_part,
    pass_part,
    prices_part,
    truth_part,
    writing_coefficients,
    written_part,
)
from stability.steering.texts.written import steered_texts
from stability.ui.cached.background import Jobs
from stability.ui.cached.job import Job, awaited, turn
from stability.ui.cached.models import loaded, start_loading
from stability.ui.cached.turns import Urgency
from stability.ui.cached.vector import vector_of
from stability.ui.dose_choice import DoseChoice, FromPairs

AT_ONCE = 8
_doses, _passes, _prices = (Jobs(kept, at_once=AT_ONCE) for kept in (32, 128, 32))
_truths, _layers, _texts = (Jobs(32, takes_turns=True) for _ in range(3))


@dataclass(frozen=True, eq=False)
class Measured:
    """The predicted dose of a choice, and what makes its vector again."""

    choice: DoseChoice
    dose: Dose
    source: Mapping[str, Any]


def start_dose(choice: DoseChoice) -> Job:
    """Measure the dose of a choice, as predicted."""
    return _doses.start(choice, partial(_measured, choice), Urgency.FIRST)


def start_truth(found: Measured) -> Job:
    """Find the true doses of the statistics."""

    def work(report: Report) -> Part:
        passes = 0

        def step() -> None:
            nonlocal passes
            passes += 1
            report(f"Running the network for the true doses, batch {passes}", 0.0)

        return truth_part(found.dose, step)

    return _truths.start(found.choice, work, Urgency.TRUTH)


def start_pass(found: Measured, c: float) -> Job:
    """Run the network once at a coefficient."""

    def work(report: Report) -> Part:
        with turn():
            return pass_part(found.dose.texts[0], c)

    return _passes.start((found.choice, c), work, Urgency.FIRST)


def start_writing(found: Measured, statistic: str, sign: int) -> Job:
    """Write on from the prompt at four coefficients of a side."""

    def work(report: Report) -> Part:
        report("Writing the texts", 0.0)
        lm, measured = loaded(found.choice.model), found.dose
        named = writing_coefficients(measured, statistic, sign)
        [text] = measured.texts
        texts = steered_texts(
            lm, text.prompt, measured.vector, [*named.values()], WRITTEN, measured.positions
        )
        return written_part(statistic, sign, [*named], texts)

    return _texts.start((found.choice, statistic, sign), work, Urgency.CHIPS)


def start_prices(found: Measured) -> Job:
    """List what the vector buys first, at every token."""

    def work(report: Report) -> list[Part]:
        with turn():
            return prices_part(found.dose)

    return _prices.start(found.choice, work, Urgency.CHIPS)


def start_layers(found: Measured) -> Job:
    """Predict the dose of the vector after every block."""

    def work(report: Report) -> list[Part]:
        lm, measured = loaded(found.choice.model), found.dose
        [text] = measured.texts
        message = "Measuring the dose after every block"
        return layers_part(
            dose_map(
                lm,
                measured.vector,
                text.prompt,
                measured.positions,
                lambda part: report(message, part),
            )
        )

    return _layers.start(layered(found.choice), work, Urgency.PLANE)


def layered(choice: DoseChoice) -> DoseChoice:
    """What the doses after every block rest on: the same vector wherever it is applied."""
    is_one = isinstance(choice.vector, FromPairs) or choice.vector.entry is not None
    return replace(choice, site=None) if is_one else choice


def _measured(choice: DoseChoice, report: Report) -> Measured:
    awaited(start_loading(choice.model), report)
    report("Reading the vector", 0.0)
    vector, source = vector_of(choice)
    report("Measuring its dose", 0.0)
    with turn():
        lm = loaded(choice.model)
        found = dose(lm, vector, choice.prompt, positions=choice.positions)
        # at once, in this turn: everything else rests on it, and it is kept
        _ = found.information
    return Measured(choice, found, source)
