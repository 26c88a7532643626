"""Load a language model by name: packaged, on the hub, in a folder, or a GGUF file."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from stability.errors import StabilityError
from stability.models.adapters import locate_base, merge_adapter, without_adapter
from stability.models.comparisons import future_comparison, readout_comparison, require, some_ids
from stability.models.examination import examine
from stability.models.folder import has_adapter, require_causal_model, require_files
from stability.models.head import find_readout
from stability.models.language_model import LanguageModel
from stability.models.locate import locate
from stability.models.memory import require_memory
from stability.models.model_name import parse_name
from stability.models.placement import place
from stability.models.precision import AUTO, WIDTHS
from stability.models.progress import Report, part, silent
from stability.models.reading import read_model, read_tokenizer
from stability.prediction.provenance import ModelCard

DTYPES: dict[str, torch.dtype] = {name: getattr(torch, name) for name in WIDTHS}


def load(
    name: str = "smollm2-135m",
    dtype: str = "float32",
    device: str | None = None,
    report: Report = silent,
) -> LanguageModel:
    """Load a causal language model, and refuse it unless it is the one that its files describe.

    A packaged model is fetched and converted once, into the cache::

        lm = stability.load("smollm2-135m")
        lm.card.d_model, lm.card.n_layers, lm.card.vocab_size  # 576, 30, 49152
        state = lm.capture("The capital of France is")

    Args:
        name: a packaged model (`smollm2-135m`, `gemma-3-270m`), the path of a folder or of a `.gguf`
            file, or a hub id, with `@revision` after it for a branch, tag or commit. A LoRA adapter
            is merged into its base.
        dtype: what weights are held in: `float32`, `bfloat16` or `float16`. All is computed in float32.
        device: as in torch; CUDA by default where there is one, else the CPU. `auto` for a model that
            one card does not hold: all is computed on the first, which reads what other cards and main
            memory hold of the weights where it uses them; main memory must hold all at first. Of such a
            model `lm.model` holds the weights, and `lm.network` alone can run it.
        report: called with a message and the fraction done, in [0, 1].

    Returns:
        The model with its tokenizer and readout, in evaluation mode, without gradients.

    Raises:
        StabilityError: the model cannot be found or read, has no unembedding, lacks weights or has
            some that it does not use, does not fit into memory with `auto`, gives output that is not
            finite, reads later tokens, or treats its logits in a way that the readout does not
            reproduce.
    """
    if dtype not in DTYPES:
        raise StabilityError(
            f"A dtype must be one of {', '.join(DTYPES)}; received {dtype!r}: use float32."
        )
    # what is fetched from the hub may be an adapter, whose base is then fetched as well
    located = 0.6 if parse_name(name).kind == "hub" else 0.9
    folder, revision = locate(name, part(report, 0.0, located))
    if device == AUTO:
        require_memory(replace(examine(parse_name(str(folder))), title=name), dtype, device)
    model, tokenizer, revision = _read(name, folder, revision, DTYPES[dtype], report)
    readout = find_readout(model, name, place(model, name, device))
    model.eval().requires_grad_(False)
    card = ModelCard(
        name=name,
        revision=revision,
        dtype=dtype,
        d_model=readout.width,
        n_layers=getattr(model.config.get_text_config(), "num_hidden_layers", 0),
        vocab_size=readout.vocab_size,
    )
    lm = LanguageModel(model, tokenizer, readout, card)
    ids = some_ids(lm)
    [vectors] = lm.prelogits(ids)
    require(readout_comparison(lm, ids, vectors), lm)
    require(future_comparison(lm, ids, vectors), lm)
    report(f"{name} is ready", 1.0)
    return lm


def _read(
    name: str, folder: Path, revision: str, dtype: torch.dtype, report: Report
) -> tuple[Any, Any, str]:
    """Read model and tokenizer from a folder, an adapter merged, and say which revisions they are."""
    require_files(folder, name)
    if not has_adapter(folder):
        report(f"Loading {name}", 0.9)
        require_causal_model(folder, name)
        return read_model(folder, name, dtype), read_tokenizer(folder, name), revision
    base, base_revision = locate_base(folder, revision, name, part(report, 0.6, 0.9))
    report(f"Merging {name} into its base", 0.9)
    require_causal_model(base, name)
    with without_adapter(base) as plain:
        model, tokenizer = read_model(plain, name, dtype), read_tokenizer(plain, name)
    merged = merge_adapter(model, folder, name)
    return merged, tokenizer, f"{revision}, an adapter merged into {base_revision}"
