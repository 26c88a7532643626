"""The tensors: each of the file becomes a parameter of the model, and each parameter has one."""

import re
from typing import TYPE_CHECKING

import numpy as np
from gguf import MODEL_ARCH_NAMES, get_tensor_name_map

from stability.models.gguf.architectures import ARCHITECTURES
from stability.models.gguf.format import GGUFError, GGUFFile
from stability.models.gguf.keys import architecture_of
from stability.models.gguf.rotation import FREQUENCIES, LONG, SHORT
from stability.models.progress import Report

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

# read into the configuration
_CONFIGURED = {FREQUENCIES, SHORT, LONG}
_EXPERTS = re.compile(r"\.(\d+)\.mlp\.experts\.(gate_up_proj|down_proj)$")


def read_weights(file: GGUFFile, model: "PreTrainedModel", report: Report) -> dict[str, "Tensor"]:
    """Return the model's parameters by name, in float32.

    Args:
        file: of the architecture that the model has.
        model: of the configuration that the file describes; its own values are not read.
        report: called while tensors are dequantised.

    Raises:
        GGUFError: a tensor has no parameter, a parameter no tensor, or their shapes differ.

    """
    import torch

    name = architecture_of(file)
    layout = ARCHITECTURES[name].layout
    expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    if model.config.tie_word_embeddings:
        expected.pop("lm_head.weight", None)
    sources = _sources(name, model, list(expected))
    named = {part for parts in sources.values() for part in parts}
    scaled = getattr(model.config, "rope_parameters", None) or {}
    read = named | (_CONFIGURED if scaled.get("rope_type") == "longrope" else set())
    if unread := sorted(file.tensors.keys() - read):
        raise GGUFError(f"{_counted(unread)} that no parameter of a {name} takes")
    if missing := sorted(named - file.tensors.keys()):
        raise GGUFError(f"no {_counted(missing)}")
    weights = {}
    for done, (key, parts) in enumerate(sources.items()):
        report("Dequantising the weights", done / len(sources))
        arrays = [layout(part, file.values(part), model.config) for part in parts]
        # of every expert, the gate's rows before those that it multiplies
        values = np.concatenate(arrays, axis=1) if len(arrays) > 1 else arrays[0]
        if values.shape != expected[key]:
            shapes = f"{list(values.shape)}, not {list(expected[key])}"
            raise GGUFError(f"{parts[0]} of the shape {shapes}")
        weights[key] = torch.from_numpy(np.ascontiguousarray(values))
    return weights


def _sources(name: str, model: "PreTrainedModel", parameters: list[str]) -> dict[str, list[str]]:
    """The names in the file of what each parameter is made of."""
    code = next(code for code, known in MODEL_ARCH_NAMES.items() if known == name)
    names = get_tensor_name_map(code, model.config.num_hidden_layers)
    found = {}
    for parameter in parameters:
        if experts := _EXPERTS.search(parameter):
            block, parts = experts[1], experts[2].removesuffix("_proj").split("_")
            found[parameter] = [f"blk.{block}.ffn_{part}_exps.weight" for part in parts]
            continue
        # some names are those of the model without its head
        inner = parameter.removeprefix(f"{model.base_model_prefix}.")
        known = [names.get_name(key, (".weight", ".bias")) for key in (parameter, inner)]
        if not any(known):
            raise GGUFError(f"no name for the parameter {parameter} of a {name}")
        found[parameter] = [known[0] or known[1]]
    return found


def _counted(names: list[str]) -> str:
    """One tensor by name, or several by number and the first's name."""
    return f"tensor {names[0]}" if len(names) == 1 else f"{len(names)} tensors ({names[0]}, …)"
