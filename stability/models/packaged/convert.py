"""Conversion: from a GGUF file to a folder that transformers reads, with float32 weights."""

import errno
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stability.errors import StabilityError
from stability.models.progress import Report, part

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS = "model.safetensors"
AT_ONCE = 4  # parameters, each with copies of its own


def convert(gguf: Path, folder: Path, report: Report) -> None:
    """Write config, float32 weights and tokenizer of a GGUF, and read them back.

    Raises:
        StabilityError: the file does not describe a model that can be read in full, or what was
            written reads back differently.
        OSError: the disk is full.

    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    tokenizer, model, weights = _read(gguf, folder / "source", part(report, 0.0, 0.6))
    report("Writing the float32 weights", 0.6)
    try:
        save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    except SafetensorError as error:
        # safetensors gives the system's error as text alone
        code = re.search(r"os error (\d+)", str(error))
        raise OSError(int(code[1]) if code else errno.EIO, str(error)) from error
    model.config.architectures = [type(model).__name__]
    for piece in (model.config, model.generation_config, tokenizer):
        piece.save_pretrained(folder)
    report("Verifying the float32 weights", 0.8)
    _verify(folder / WEIGHTS, weights)
    with _reading(gguf):
        _verify_tokenizer(folder, tokenizer)


def _read(gguf: Path, empty: Path, report: Report) -> tuple[Any, Any, dict[str, "Tensor"]]:
    """Return the tokenizer, the model without values, and its weights.

    Names resolve against an empty folder: beside the user's file a stray config would be read too.
    """
    report("Loading torch and transformers", 0.0)
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from stability.gguf_format import read_gguf
    from stability.models.gguf.architectures import configure
    from stability.models.gguf.tensors import assign_tensors, read_parameter
    from stability.models.gguf.tokenizer import read_tokenizer

    report("Reading the configuration", 0.05)
    with _reading(gguf):
        file = read_gguf(gguf)
        fields = configure(file)
    report("Reading the vocabulary", 0.1)
    with _reading(gguf):
        tokenizer = read_tokenizer(gguf, file, empty)
        with torch.device("meta"):
            config = AutoConfig.for_model(**fields)
            model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        sources = assign_tensors(file, model)
    weights: dict[str, Tensor] = {}
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    # NumPy leaves the interpreter to other threads meanwhile
    with ThreadPoolExecutor(AT_ONCE) as pool:
        work = {
            name: pool.submit(read_parameter, file, model.config, parts, shapes[name])
            for name, parts in sources.items()
        }
        try:
            for name, parameter in work.items():
                report("Dequantising the weights", 0.4 + 0.6 * len(weights) / len(sources))
                with _refusing(gguf):
                    weights[name] = parameter.result()
        finally:
            pool.shutdown(cancel_futures=True)
    return tokenizer, model, weights


@contextmanager
def _reading(gguf: Path) -> Iterator[None]:
    """Silence transformers, and turn whatever is raised into one sentence."""
    from stability.models.transformers_logging import quiet

    with _refusing(gguf), quiet():
        yield


@contextmanager
def _refusing(gguf: Path) -> Iterator[None]:
    """Turn whatever is raised into one sentence."""
    from stability.gguf_format import GGUFError

    try:
        yield
    except Exception as error:
        known = isinstance(error, GGUFError)
        reason = str(error) if known else f"{type(error).__name__}: {error}".splitlines()[0]
        raise StabilityError(
            f"{gguf.name} must be a GGUF that describes one language model in full, received "
            f"{reason}; check the file, or choose another model."
        ) from error


def _verify(path: Path, weights: dict[str, "Tensor"]) -> None:
    from safetensors import safe_open

    with safe_open(path, "pt") as written, ThreadPoolExecutor(AT_ONCE) as pool:

        def reads_back(name: str) -> bool:
            return written.get_tensor(name).equal(weights[name])

        same = set(written.keys()) == set(weights) and all(pool.map(reads_back, weights))
    if not same:
        raise StabilityError(
            f"{path} must read back as written, and it differs; check the disk and start again."
        )


def _verify_tokenizer(folder: Path, tokenizer: Any) -> None:
    """Require that transformers reads the written tokenizer as it is, not as its class has it."""
    from transformers import AutoTokenizer

    from stability.gguf_format import GGUFError

    written = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    if written.backend_tokenizer.to_str() != tokenizer.backend_tokenizer.to_str():
        raise GGUFError("a tokenizer that transformers reads back as another")
