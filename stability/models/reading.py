"""Reading a model from its folder, by transformers, and refusing what it would leave out or fill in."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from stability.errors import StabilityError
from stability.models.foreign import foreign
from stability.models.tokenization import require_vocabulary
from stability.models.transformers_logging import quiet


def read_tokenizer(folder: Path, name: str) -> Any:
    """Return a tokenizer; raise StabilityError where transformers cannot."""
    with foreign("Reading the tokenizer of", name, "check its tokenizer files"), quiet():
        tokenizer = AutoTokenizer.from_pretrained(
            folder, trust_remote_code=False, local_files_only=True
        )
    require_vocabulary(tokenizer, name)
    return tokenizer


def read_model(folder: Path, name: str, dtype: torch.dtype) -> Any:
    """Return a model, whole and as its configuration describes it.

    Raises:
        StabilityError: transformers cannot read it, a tensor is missing or not used, what is to be tied
            is not, or weights stay quantised.
    """
    with (
        foreign("Reading the model", name, "choose a causal model that transformers reads"),
        quiet(),
    ):
        model, loading = AutoModelForCausalLM.from_pretrained(
            folder,
            # neither a folder's own code nor a pickle is ever run
            trust_remote_code=False,
            use_safetensors=True,
            local_files_only=True,
            dtype=dtype,
            # the only attention kernel that can be differentiated twice
            attn_implementation="eager",
            output_loading_info=True,
        )
    _require_all_tensors(loading, type(model).__name__, name)
    _require_tied(model, name)
    _require_floating(model, dtype, name)
    return model


def _require_all_tensors(loading: dict[str, Any], architecture: str, name: str) -> None:
    """Transformers fills missing tensors with random numbers, and leaves out those it does not know."""
    missing, unused = (
        sorted(map(str, loading[key])) for key in ("missing_keys", "unexpected_keys")
    )
    if missing:
        raise StabilityError(
            f"All weights of a model must be present; {name!r} lacks {len(missing)} tensors, "
            f"{missing[0]!r} among them: get a complete copy."
        )
    if unused:
        raise StabilityError(
            f"All weights of a model must be used; {name!r} has {len(unused)} tensors that "
            f"{architecture} does not read, {unused[0]!r} among them: check its config.json, which may "
            "switch them off or count too few blocks."
        )


def _require_tied(model: PreTrainedModel, name: str) -> None:
    """Transformers leaves apart what the configuration ties, where both are there and differ."""
    parts = model.get_input_embeddings(), model.get_output_embeddings()
    tied = bool(getattr(model.config.get_text_config(), "tie_word_embeddings", False))
    weights = [getattr(part, "weight", None) for part in parts]
    can_tie = bool(getattr(model, "_tied_weights_keys", None))
    if (
        tied
        and can_tie
        and all(weight is not None for weight in weights)
        and weights[0] is not weights[1]
    ):
        raise StabilityError(
            f"Embedding and unembedding must be one matrix where config.json ties them; those of "
            f"{name!r} differ: set tie_word_embeddings to false if it has two."
        )


def _require_floating(model: PreTrainedModel, dtype: torch.dtype, name: str) -> None:
    """A model that stays quantised computes with other weights than those it shows."""
    # some models keep parts in float32
    allowed = {dtype, torch.float32}
    names = " or ".join(sorted(str(kind).removeprefix("torch.") for kind in allowed))
    for key, weight in model.named_parameters():
        if weight.dtype not in allowed:
            kind = str(weight.dtype).removeprefix("torch.")
            raise StabilityError(
                f"Weights must be {names}; {key!r} of {name!r} is {kind}, quantised perhaps: use the "
                "unquantised model."
            )
