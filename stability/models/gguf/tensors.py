"""The tensors: each of the file becomes a parameter of the model, and each parameter has its own."""

import re
from typing import TYPE_CHECKING

import numpy as np
from gguf import MODEL_ARCH_NAMES, TensorNameMap, get_tensor_name_map

from stability.gguf_format import GGUFError, GGUFFile
from stability.models.gguf.architectures import ARCHITECTURES
from stability.models.gguf.keys import architecture_of
from stability.models.gguf.rotation import FREQUENCIES, LONG, SHORT

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PretrainedConfig, PreTrainedModel

_EXPERTS = re.compile(r"\.(\d+)\.mlp\.experts\.(gate_up_proj|down_proj)$")


def assign_tensors(file: GGUFFile, model: "PreTrainedModel") -> dict[str, list[str]]:
    """Return, for each parameter of a model, the tensors of the file that it is made of.

    Raises:
        GGUFError: a tensor belongs to no parameter, or a parameter's tensor is missing.

    """
    name = architecture_of(file)
    parameters = [key for key in model.state_dict() if not _is_tied(key, model)]
    code = next(code for code, known in MODEL_ARCH_NAMES.items() if known == name)
    names = get_tensor_name_map(code, model.config.num_hidden_layers)
    sources = {key: _sources(key, names, model.base_model_prefix) for key in parameters}
    named = {part for parts in sources.values() for part in parts}
    scaled = getattr(model.config, "rope_parameters", None) or {}
    # read into the configuration
    configured = {FREQUENCIES, SHORT, LONG} if scaled.get("rope_type") == "longrope" else set()
    if file.metadata.get(f"{name}.nextn_predict_layers"):
        configured |= _beyond(file, model.config.num_hidden_layers)
    if unread := sorted(file.tensors.keys() - named - configured):
        raise GGUFError(f"{_counted(unread)} that no parameter of a {name} takes")
    if missing := sorted(named - file.tensors.keys()):
        raise GGUFError(f"no {_counted(missing)}")
    return sources


def read_parameter(
    file: GGUFFile, config: "PretrainedConfig", sources: list[str], shape: tuple[int, ...]
) -> "Tensor":
    """Return a parameter in float32, of the shape that it has in the model; for threads side by side.

    Raises:
        GGUFError: the file has it in another shape or an encoding that cannot be read, or not finite.

    """
    import torch

    layout = ARCHITECTURES[architecture_of(file)].layout
    # damaged numbers are looked for below
    with np.errstate(all="ignore"):
        arrays = [layout(source, file.values(source), config) for source in sources]
    # of every expert, the gate's rows before those that it multiplies
    values = np.concatenate(arrays, axis=1) if len(arrays) > 1 else arrays[0]
    if not np.isfinite(values).all():
        raise GGUFError(f"{sources[0]} with NaN or infinite values")
    if values.shape != shape:
        raise GGUFError(f"{sources[0]} of the shape {list(values.shape)}, not {list(shape)}")
    return torch.from_numpy(np.ascontiguousarray(values))


def _beyond(file: GGUFFile, n_blocks: int) -> set[str]:
    """The tensors of blocks after the last, which predict further tokens."""
    blocks = {name: name.split(".")[1] for name in file.tensors if name.startswith("blk.")}
    return {name for name, block in blocks.items() if block.isdecimal() and int(block) >= n_blocks}


def _is_tied(key: str, model: "PreTrainedModel") -> bool:
    return key == "lm_head.weight" and model.config.tie_word_embeddings


def _sources(key: str, names: TensorNameMap, prefix: str) -> list[str]:
    """The names in the file of what a parameter is made of."""
    if experts := _EXPERTS.search(key):
        parts = experts[2].removesuffix("_proj").split("_")
        return [f"blk.{experts[1]}.ffn_{part}_exps.weight" for part in parts]
    # some are named as in the model without its head, and one as if it were a layer's
    for known in (key, key.removeprefix(f"{prefix}."), key.replace(".dt_bias", ".dt_proj.bias")):
        if name := names.get_name(known, (".weight", ".bias")):
            return [name]
    raise GGUFError(f"a parameter {key}, which no file of this architecture has")


def _counted(names: list[str]) -> str:
    """One tensor by name, or several by number and the first's name."""
    return f"tensor {names[0]}" if len(names) == 1 else f"{len(names)} tensors ({names[0]}, …)"
