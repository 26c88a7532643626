"""Cached results of the Dose page, made in the background: the parts of a dose's scene."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any

from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from stability.models import LanguageModel
from stability.models.progress import Report
from stability.steering.contrast import contrast_vector
from stability.steering.dose import Dose, dose
from stability.steering.first import WRITTEN
from stability.steering.layers import dose_map
from stability.steering.pairs import read_pairs
from stability.steering.scene_parts import (
    Part,
    layers_part,
    pass_part,
    prices_part,
    truth_part,
    writing_coefficients,
    written_part,
)
from stability.steering.steered_text import SteeredText
from stability.steering.vectors import for_model
from stability.steering.written import steered_texts
from stability.ui.cached.background import Jobs
from stability.ui.cached.job import Job, awaited, turn
from stability.ui.cached.keyed import cached
from stability.ui.cached.models import loaded, start_loading
from stability.ui.cached.turns import Urgency
from stability.ui.dose_choice import DoseChoice, FromContent, FromPairs, FromPath
from stability.vector_files.choice import choose
from stability.vector_files.registry import parse_vectors, read_vectors
from stability.vector_files.steering_vector import SteeringVector

AT_ONCE = 8
_doses, _passes, _prices = (Jobs(kept, at_once=AT_ONCE) for kept in (32, 128, 32))
_truths, _layers, _texts = (Jobs(32, takes_turns=True) for _ in range(3))


@dataclass(frozen=True, eq=False)
class Measured:
    """The predicted dose of a choice, and what makes its vector again."""

    choice: DoseChoice
    dose: Dose
    source: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class ReportedText(SteeredText):
    """A steered text that says when it runs the network again, and can be stopped then."""

    report: Callable[[], None] = field(default=lambda: None)

    def vectors(self, coefficients: Float[ndarray, " n"]) -> Float[Tensor, "n t D"]:  # type: ignore[override]
        """The vectors that the readout is given at coefficients."""
        self.report()
        return super().vectors(coefficients)


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

        [text] = found.dose.texts
        return truth_part(replace(found.dose, texts=(_reported(text, step),)))

    return _truths.start(found.choice, work, Urgency.TRUTH)


def _reported(text: SteeredText, report: Callable[[], None]) -> ReportedText:
    """The same text, with all that is known of it, which reports."""
    given = {each.name: getattr(text, each.name) for each in fields(text)}
    made = ReportedText(**given, report=report)
    made.__dict__.update({**text.__dict__, **made.__dict__})
    return made


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

    return _layers.start(found.choice, work, Urgency.PLANE)


def _measured(choice: DoseChoice, report: Report) -> Measured:
    awaited(start_loading(choice.model), report)
    report("Reading the vector", 0.0)
    vector, source = _vector(choice)
    report("Measuring its dose", 0.0)
    with turn():
        lm = loaded(choice.model)
        found = dose(lm, vector, choice.prompt, positions=choice.positions)
        # at once: everything else rests on it
        assert found.information
    return Measured(choice, found, source)


def _vector(choice: DoseChoice) -> tuple[SteeringVector, Mapping[str, Any]]:
    """The vector of a choice, and what makes it again."""
    lm = loaded(choice.model)
    match choice.vector:
        case FromPairs(pairs, method, site):
            made = _contrast(choice.model, pairs, method, site)
            [values] = made.vectors.values()
            at = choice.site or site
            moved = replace(made, vectors={at: values}, extracted={at: site}, mode=choice.mode or "add")
            return moved, {"pairs": read_pairs(pairs), "method": method, "site": site}
        case FromContent(name, data, entry, is_file):
            file = parse_vectors(data, name)
            source = {"file": name, "name": entry} if is_file else {"numbers": True}
        case FromPath(path, entry):
            file, source = read_vectors(path), {"file": path, "name": entry}
    chosen = choose(file, lm.card.n_layers, entry, choice.site, choice.mode)
    return for_model(lm, chosen), source


@cached(16, parts=lambda model, *_: loaded(model))
def _contrast(
    _lm: LanguageModel, model: str, pairs: str, method: str, site: str
) -> SteeringVector:
    positive, negative = read_pairs(pairs)
    with turn():
        return contrast_vector(_lm, positive, negative, site, method)
