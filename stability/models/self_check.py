"""The self-check: everything that is drawn of a model, computed a second way."""

import math
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from stability.errors import StabilityError
from stability.models.comparisons import (
    FEW,
    Comparison,
    future_comparison,
    precision_comparisons,
    readout_comparison,
)
from stability.models.foreign import foreign
from stability.models.language_model import LanguageModel
from stability.models.progress import Report, silent
from stability.models.state_comparisons import (
    boundary_comparison,
    curvature_comparisons,
    sites_comparison,
)
from stability.prediction.provenance import ModelCard
from stability.prediction.state import State

# by how many tokens a text is longer than a window of attention
BEYOND = 8
# numbers of one pass that are held at once, in float32 a gigabyte
MOST_NUMBERS = 250_000_000


@dataclass(frozen=True)
class SelfCheck:
    """What a model was checked for, and what came out.

    Attributes:
        model: the model.
        tokens: the length of the text that was read.
        window: the longest reach of a layer that does not attend to all tokens, 0 without one.
        comparisons: each with its error and its limit.
        refused: the sites that cannot be perturbed, with the reason, by name::

    check = stability.check(lm)
    check.holds, [(c.name, c.error, c.limit) for c in check.comparisons]
    """

    model: ModelCard
    tokens: int
    window: int
    comparisons: tuple[Comparison, ...]
    refused: dict[str, str]

    @property
    def holds(self) -> bool:
        """Whether every comparison is within its limit."""
        return all(comparison.holds for comparison in self.comparisons)

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
        The comparisons, each with its error and its limit, and the sites that are refused.

    Raises:
        StabilityError: the model's own code fails.
    """
    ids, prompt = long_text(lm), short_prompt(lm)
    report("Reading a text longer than any window", 0.0)
    comparisons = [readout_comparison(lm, ids), future_comparison(lm, ids)]
    report("Capturing every site", 0.2)
    readout = lm.capture_all(prompt)
    state = readout[-1]
    states, refused = _deep_states(lm, prompt)
    comparisons += curvature_comparisons(state)
    if states:
        comparisons.append(sites_comparison(readout, states))
    report("Running boundaries again", 0.5)
    places = [state, *(found[-1] for site, found in states.items() if site in _some_sites(lm))]
    comparisons += [found for place in places for found in boundary_comparison(lm, place)]
    report("Running in other precisions", 0.8)
    comparisons += precision_comparisons(lm, ids[:, :FEW])
    report("Checked", 1.0)
    return SelfCheck(lm.card, ids.shape[1], longest_window(lm), tuple(comparisons), refused)


def long_text(lm: LanguageModel) -> Int[Tensor, "1 n"]:
    """Token ids of the built-in prompts, again and again, to a length beyond any window.

    Returns:
        As many as the context holds, and no more than leave the logits and one layer's attention in a
        gigabyte.
    """
    ids = [i for prompt in _prompts() for i in _ids(lm, prompt)]
    heads = getattr(lm.model.config.get_text_config(), "num_attention_heads", None) or 1
    length = min(
        max(longest_window(lm) + BEYOND, 2 * FEW),
        lm.context or math.inf,
        math.isqrt(MOST_NUMBERS // heads),
        MOST_NUMBERS // lm.readout.vocab_size,
    )
    repeated = torch.tensor(ids).repeat(1, -(-int(length) // len(ids)))
    return repeated[:, : int(length)] % lm.readout.vocab_size


def short_prompt(lm: LanguageModel) -> str:
    """The beginning of a built-in prompt, no longer than the context."""
    prompt, most = _prompts()[0], min(FEW, lm.context or FEW)
    while len(_ids(lm, prompt)) > most and len(prompt) > 1:
        prompt = prompt[: len(prompt) // 2]
    return prompt


def longest_window(lm: LanguageModel) -> int:
    """The most tokens that a layer of limited reach attends to; 0 where every layer attends to all."""
    settings: dict[str, Any] = lm.model.config.get_text_config().to_dict()
    windows = [
        value
        for name, value in settings.items()
        if ("window" in name or "chunk" in name) and type(value) is int
    ]
    return max([0, *windows])


def _ids(lm: LanguageModel, text: str) -> list[int]:
    with foreign("Tokenizing with", lm.card.name):
        return list(lm.tokenizer(text).input_ids)


def _prompts() -> list[str]:
    text = files("stability.models").joinpath("prompts.txt").read_text("utf-8")
    return [prompt for prompt in text.splitlines() if prompt]


def _some_sites(lm: LanguageModel) -> set[str]:
    return {"final", f"block:{lm.card.n_layers // 2}", "block:0"}


def _deep_states(
    lm: LanguageModel, prompt: str
) -> tuple[dict[str, tuple[State, ...]], dict[str, str]]:
    """The states of every site below `prelogit`, and why those are refused that are."""
    states: dict[str, tuple[State, ...]] = {}
    refused: dict[str, str] = {}
    for site in lm.sites[1:]:
        try:
            states[site] = lm.capture_all(prompt, site)
        except StabilityError as error:
            refused[site] = str(error)
    return states, refused
