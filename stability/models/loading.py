"""Load a language model by name: packaged, on the hub, in a folder, or a GGUF file."""

import os
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PretrainedConfig, PreTrainedModel

from stability.errors import StabilityError
from stability.models.checks import require_finite
from stability.models.hub import hub_answers, hub_commit
from stability.models.language_model import LanguageModel
from stability.models.packaged.cache import ensure, ensure_gguf
from stability.models.packaged.registry import PACKAGED
from stability.models.progress import Report, part, silent
from stability.models.transformers_logging import quiet
from stability.prediction.provenance import ModelCard
from stability.prediction.readout import Readout

# Gemma's, RecurrentGemma's and xLSTM's
SOFTCAPS = ("final_logit_softcapping", "logits_soft_cap", "output_logit_soft_cap")
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def load(
    name: str = "smollm2-135m",
    dtype: str = "float32",
    device: str | None = None,
    report: Report = silent,
) -> LanguageModel:
    """Load a causal language model, and check that its readout reproduces its own logits.

    A packaged model is fetched and converted once, into the cache::

        lm = stability.load("smollm2-135m")
        lm.card.d_model, lm.card.n_layers, lm.card.vocab_size  # 576, 30, 49152
        state = lm.capture("The capital of France is")

    Args:
        name: a packaged model (`smollm2-135m`, `gemma-3-270m`), the path of a folder or of a `.gguf`
            file, or a hub id.
        dtype: `float32`, `bfloat16` or `float16`; sites below `prelogit` need `float32`.
        device: as in torch; CUDA by default where there is one, else the CPU.
        report: called with a message and the fraction done, in [0, 1].

    Returns:
        The model with its tokenizer and readout, in evaluation mode, without gradients.

    Raises:
        StabilityError: the model cannot be found or read, has no unembedding, lacks weights, gives
            output that is not finite, or treats its logits in a way that the readout does not
            reproduce.
    """
    if dtype not in DTYPES:
        raise StabilityError(
            f"A dtype must be one of {', '.join(DTYPES)}; received {dtype!r}: use float32."
        )
    source, revision = locate(name, part(report, 0.0, 0.9))
    cached_only = revision is None and not hub_answers()
    report(f"Loading {name}", 0.9)
    model, tokenizer = _read(name, source, DTYPES[dtype], cached_only)
    model = model.to(device or ("cuda" if torch.cuda.is_available() else "cpu")).eval()
    model.requires_grad_(False)
    readout = find_readout(model, name)
    card = ModelCard(
        name=name,
        revision=revision or hub_commit(name),
        dtype=dtype,
        d_model=readout.width,
        n_layers=model.config.get_text_config().num_hidden_layers,
        vocab_size=readout.vocab_size,
    )
    lm = LanguageModel(model, tokenizer, readout, card)
    check_readout(lm)
    report(f"{name} is ready", 1.0)
    return lm


def locate(name: str, report: Report) -> tuple[str, str | None]:
    """Return a folder or hub id that transformers can read, and the revision, None for a hub id."""
    if name in PACKAGED:
        return str(ensure(name, report)), PACKAGED[name].revision
    # unlike Path.expanduser, it leaves an unknown user as it is
    path = Path(os.path.expanduser(name))
    if path.suffix == ".gguf":
        folder = ensure_gguf(path, report)
        # the folder is named by the SHA-256 of the file
        return str(folder), f"{path.name} sha256:{folder.name.removeprefix('gguf-')}"
    # these answer for names that no file system takes, too
    if os.path.isdir(path):
        return str(path), "local"
    # no hub id looks like this
    if name.startswith(("/", ".", "~")) or path.suffix == ".safetensors":
        raise StabilityError(
            "A local model must be a folder with its configuration, weights and tokenizer; "
            f"{name!r} is {'a file' if os.path.exists(path) else 'missing'}: check the path."
        )
    report(f"Asking the hub for {name}", 0.0)
    return name, None


def _read(name: str, source: str, dtype: torch.dtype, cached_only: bool) -> tuple[Any, Any]:
    """Let transformers read model and tokenizer, and turn whatever it raises into one sentence."""
    # neither a folder's own code nor a pickle is ever run
    options: Any = {"local_files_only": cached_only, "trust_remote_code": False}
    try:
        with quiet():
            tokenizer = AutoTokenizer.from_pretrained(source, **options)
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                source,
                **options,
                use_safetensors=True,
                dtype=dtype,
                # the only attention kernel that can be differentiated twice
                attn_implementation="eager",
                output_loading_info=True,
            )
        model, info = loaded
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise StabilityError(
            f"A model must be a packaged name ({', '.join(PACKAGED)}), a hub id, a local folder or "
            f"a .gguf file that transformers can read; {name!r} is not ({reason}): check the name, "
            "or the connection if it is on a hub."
        ) from error
    missing = sorted(info["missing_keys"])
    if missing:
        raise StabilityError(
            f"All weights of a model must be present; {name!r} lacks {len(missing)} tensors, "
            f"{missing[0]!r} among them: get a complete copy."
        )
    return model, tokenizer


def find_readout(model: PreTrainedModel, name: str) -> Readout:
    """Return the unembedding of a model, with its bias, logit scale and soft-capping.

    Raises:
        StabilityError: the model has no unembedding.
    """
    unembedding = model.get_output_embeddings()
    if unembedding is None or not hasattr(unembedding, "weight"):
        raise StabilityError(
            f"A language model needs an unembedding; {name!r} ({type(model).__name__}) has none: "
            "choose a causal language model."
        )
    config = model.config.get_text_config()
    bias = getattr(unembedding, "bias", None)
    return Readout(
        W_U=unembedding.weight.detach().float(),
        bias=None if bias is None else bias.detach().double(),
        scale=_logit_scale(config),
        softcap=next(filter(None, (getattr(config, name, None) for name in SOFTCAPS)), None),
    )


def _logit_scale(config: PretrainedConfig) -> float:
    """Cohere multiplies its logits by `logit_scale`; Granite divides by `logits_scaling`."""
    # MPT's `logit_scale`, none or a word, is not used by transformers, as `check_readout` confirms
    multiplier, divisor = (
        value if isinstance(value, int | float) else 1.0
        for value in (getattr(config, name, 1.0) for name in ("logit_scale", "logits_scaling"))
    )
    return float(multiplier) / float(divisor)


def check_readout(lm: LanguageModel) -> None:
    """Compare the readout with the model's own logits.

    Compared on a few tokens, to the rounding of the model's dtype. An architecture that treats its
    logits in an unknown way must fail here: everything drawn of it would be wrong.

    Raises:
        StabilityError: they differ by more than the rounding of the model's dtype.
    """
    ids = torch.arange(4, 12)[None, : lm.context].to(lm.model.device) % lm.readout.vocab_size
    with torch.inference_mode():
        expected = lm.model(input_ids=ids, use_cache=False).logits[0].double()
    require_finite(expected, lm.model, lm.card)
    logits = lm.readout.logits(lm.prelogits(ids)[0])
    error = float((logits - expected).abs().max() / expected.abs().max())
    # a product of a thousand terms accumulates about the root of their number of float32 roundings,
    # also in half precision, where only the results are rounded further: once for each operation
    eps = torch.finfo(DTYPES[lm.card.dtype]).eps
    tolerance = 64 * torch.finfo(torch.float32).eps + 4 * eps
    if not error <= tolerance:
        raise StabilityError(
            f"The readout must reproduce the model's logits to {tolerance:.1e}; for "
            f"{lm.card.name!r} ({type(lm.model).__name__}) it is off by {error:.1e}: this "
            "architecture changes its logits in a way that is not supported."
        )
