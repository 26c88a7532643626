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
# numbers of one pass that are held at once, in float32 a gigabyte
MOST_NUMBERS = 250_000_000


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
