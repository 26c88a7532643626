"""The head of a transformers model as a readout: its unembedding, bias, logit scale and capping."""

from typing import Any

import torch
from transformers import PretrainedConfig, PreTrainedModel

from stability.errors import StabilityError
from stability.prediction.readout import Readout

# Gemma's, RecurrentGemma's and xLSTM's
SOFTCAPS = ("final_logit_softcapping", "logits_soft_cap", "output_logit_soft_cap")


def find_readout(model: PreTrainedModel, name: str, device: torch.device | None = None) -> Readout:
    """Return the unembedding of a model, with its bias, logit scale and soft-capping.

    It lies on a device; by default where the model's own does.

    Raises:
        StabilityError: the model has no unembedding, or divides its logits by nought.
    """
    unembedding = unembedding_of(model, name)
    config = model.config.get_text_config()
    bias = getattr(unembedding, "bias", None)
    return Readout(
        W_U=unembedding.weight.detach().to(device).float(),
        bias=None if bias is None else bias.detach().to(device).double(),
        scale=_logit_scale(config, name),
        softcap=next(filter(None, (getattr(config, key, None) for key in SOFTCAPS)), None),
    )


def unembedding_of(model: PreTrainedModel, name: str) -> Any:
    """Return the module whose weight is the unembedding.

    Raises:
        StabilityError: there is none.
    """
    unembedding: Any = model.get_output_embeddings()
    if unembedding is None or not hasattr(unembedding, "weight"):
        raise StabilityError(
            f"A language model needs an unembedding; {name!r} ({type(model).__name__}) has none: "
            "choose a causal language model."
        )
    return unembedding


def _logit_scale(config: PretrainedConfig, name: str) -> float:
    """Cohere multiplies its logits by `logit_scale`; Granite divides by `logits_scaling`."""
    # MPT's `logit_scale`, none or a word, is not used by transformers, as `readout_error` confirms
    multiplier, divisor = (
        value if isinstance(value, int | float) else 1.0
        for value in (getattr(config, key, 1.0) for key in ("logit_scale", "logits_scaling"))
    )
    if not divisor:
        raise StabilityError(
            f"Logits must be divided by a number other than 0; {name!r} has logits_scaling "
            f"{divisor}: check its config.json."
        )
    return float(multiplier) / float(divisor)
