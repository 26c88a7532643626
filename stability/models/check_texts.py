"""What a model reads while it is checked: a text longer than any window, and the start of a prompt."""

import math
from importlib.resources import files
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from stability.models.comparisons import FEW
from stability.models.foreign import foreign
from stability.models.language_model import LanguageModel

# by how many tokens a text is longer than a window of attention
BEYOND = 8


def long_text(lm: LanguageModel) -> Int[Tensor, "1 n"]:
    """Token ids of the built-in prompts, again and again, to a length beyond any window."""
    ids = [i for prompt in _prompts() for i in _ids(lm, prompt)]
    length = min(longest_window(lm) + BEYOND, lm.context or math.inf)
    repeated = torch.tensor(ids).repeat(1, -(-int(length) // len(ids)))
    return repeated[:, : int(length)] % lm.readout.vocab_size


def short_prompt(lm: LanguageModel) -> str:
    """The beginning of a built-in prompt, no longer than the context."""
    prompt, most = _prompts()[0], min(FEW, lm.context or FEW)
    while len(_ids(lm, prompt)) > most and len(prompt) > 1:
        prompt = prompt[: len(prompt) // 2]
    return prompt


def longest_window(lm: LanguageModel) -> int:
    """The most tokens that a layer of limited reach attends to, at least the length of two prompts."""
    settings: dict[str, Any] = lm.model.config.get_text_config().to_dict()
    windows = [
        value
        for name, value in settings.items()
        if ("window" in name or "chunk" in name) and type(value) is int
    ]
    return max([2 * FEW, *windows])


def _ids(lm: LanguageModel, text: str) -> list[int]:
    with foreign("Tokenizing with", lm.card.name):
        return list(lm.tokenizer(text).input_ids)


def _prompts() -> list[str]:
    text = files("stability.models").joinpath("prompts.txt").read_text("utf-8")
    return [prompt for prompt in text.splitlines() if prompt]
