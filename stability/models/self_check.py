"""The self-check: everything that is drawn of a model, computed a second way."""

from collections.abc import Callable
from dataclasses import dataclass

from stability.errors import StabilityError
from stability.models.check_texts import long_text, longest_window, short_prompt
from stability.models.comparisons import (
    FEW,
    Comparison,
    future_comparison,
    readout_comparison,
)
from stability.models.language_model import LanguageModel
from stability.models.precision_comparisons import name_of, precision_comparison
from stability.models.progress import Report, part, silent
from stability.models.state_comparisons import (
    PAIRS,
    SITES,
    TRACE,
    boundary_comparison,
    boundary_name,
    pairs_comparison,
    sites_comparison,
    trace_comparison,
)
from stability.prediction.provenance import ModelCard
from stability.prediction.state import State


@dataclass(frozen=True)
class SelfCheck:
    """What a model was checked for, and what came out.

    Attributes:
        model: the model.
        tokens: the length of the text that was read.
        window: the longest reach of a layer that does not attend to all tokens, 0 without one.
        comparisons: each with its error and its limit.
        not_run: the comparisons that could not be made, with the reason, by name.
        refused: the sites that cannot be perturbed, with the reason, by name::

    check = stability.check(lm)
    check.holds, [(c.name, c.error, c.limit) for c in check.comparisons]
    """

    model: ModelCard
    tokens: int
    window: int
    comparisons: tuple[Comparison, ...]
    not_run: dict[str, str]
    refused: dict[str, str]

    @property
    def holds(self) -> bool:
        """Whether every comparison that could be made is within its limit."""
        return all(comparison.holds for comparison in self.comparisons)

    @property
    def refusals(self) -> dict[str, list[str]]:
        """The sites that are refused, by reason."""
        sites: dict[str, list[str]] = {}
        for site, why in self.refused.items():
            sites.setdefault(why, []).append(site)
        return sites

    def report(self) -> dict[str, object]:
        """The check as JSON takes it."""
        return {
            "model": vars(self.model),
            "tokens": self.tokens,
            "window": self.window,
            "holds": self.holds,
            "comparisons": [
                {
                    "name": comparison.name,
                    "error": comparison.error if comparison.error < float("inf") else None,
                    "limit": comparison.limit,
                    "unit": comparison.unit,
                    "holds": comparison.holds,
                }
                for comparison in self.comparisons
            ],
            "not_run": [{"name": name, "reason": why} for name, why in self.not_run.items()],
            "refused": [{"site": site, "reason": why} for site, why in self.refused.items()],
        }


def check(lm: LanguageModel, report: Report = silent) -> SelfCheck:
    """Compare everything that is drawn of a model with a second way to compute it.

    A text longer than any window of the model's attention is read, every site is captured at the first,
    the middle and the last position of a prompt, and boundaries are run again by the model itself::

        lm = stability.load("smollm2-135m")
        stability.check(lm).holds

    Args:
        lm: the model.
        report: called with a message and the fraction done, in [0, 1].

    Returns:
        The comparisons, each with its error and its limit; those that could not be made; and the sites
        that are refused.

    Raises:
        StabilityError: the model's own code fails in its own precision.
    """
    ids, prompt = long_text(lm), short_prompt(lm)
    report("Reading a text longer than any window", 0.0)
    [vectors] = lm.prelogits(ids)
    comparisons = [readout_comparison(lm, ids, vectors), future_comparison(lm, ids, vectors)]
    not_run: dict[str, str] = {}

    def attempt(name: str, compare: Callable[..., Comparison], *arguments: object) -> None:
        try:
            comparisons.append(compare(*arguments))
        except StabilityError as error:
            not_run[name] = str(error)

    readout = lm.capture_all(prompt)
    states, refused = _deep_states(lm, prompt, part(report, 0.2, 0.5))
    attempt(TRACE, trace_comparison, readout[-1])
    attempt(PAIRS, pairs_comparison, readout[-1])
    attempt(SITES, sites_comparison, readout, states)
    places = [readout[-1], *(states[site][-1] for site in states if site in _some_sites(lm))]
    for number, place in enumerate(places):
        report(f"Running the boundary at {place.site} again", 0.5 + 0.3 * number / len(places))
        attempt(boundary_name(place.site), boundary_comparison, lm, place)
    report("Running in other precisions", 0.8)
    # what a model in half precision would compute by itself, for it is computed in float32
    half = "bfloat16" if lm.card.dtype == "float32" else lm.card.dtype
    for dtype in ("float64", half):
        attempt(name_of(dtype), precision_comparison, lm, ids[:, :FEW], dtype)
    report("Checked", 1.0)
    window = longest_window(lm)
    return SelfCheck(lm.card, ids.shape[1], window, tuple(comparisons), not_run, refused)


def _some_sites(lm: LanguageModel) -> set[str]:
    return {"final", f"block:{lm.card.n_layers // 2}", "block:0"}


def _deep_states(
    lm: LanguageModel, prompt: str, report: Report
) -> tuple[dict[str, tuple[State, ...]], dict[str, str]]:
    """The states of every site below `prelogit`, and why those are refused that are."""
    states: dict[str, tuple[State, ...]] = {}
    refused: dict[str, str] = {}
    below = lm.sites[1:]
    for number, site in enumerate(below):
        report(f"Capturing {site}", number / len(below))
        try:
            states[site] = lm.capture_all(prompt, site)
        except StabilityError as error:
            refused[site] = str(error)
    return states, refused
