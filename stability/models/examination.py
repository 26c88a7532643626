"""Examine a model without loading it: read the headers of its files, and nothing else of them."""

import os
from dataclasses import replace
from pathlib import Path

from stability.errors import StabilityError
from stability.models.adapter_files import adapter_weights, base_of, require_whole, stands_alone
from stability.models.folder import (
    CONFIG,
    LONGEST_TEXT,
    has_adapter,
    read_json,
    require_files,
    tensor_shapes,
    weight_files,
)
from stability.models.foreign import foreign
from stability.models.hub import HubSilentError, examine_on_hub
from stability.models.hub_download import cached_snapshot
from stability.models.model_name import ModelName, is_gguf, shortened
from stability.models.packaged.cache import prepared
from stability.models.packaged.fetch import require_extra
from stability.models.packaged.registry import PACKAGED
from stability.models.requirements import UNKNOWN_LICENCE, Requirements, licence_of, weights_of


def examine(name: ModelName) -> Requirements:
    """What a model asks for, from what is packaged, from headers of files, or from the hub.

    Raises StabilityError where there is no such model, where the hub does not answer, and for a model
    without safetensors or GGUF weights.
    """
    match name.kind:
        case "packaged":
            return _examine_packaged(name)
        case "hub":
            return _examine_hub(name)
        case "path":
            return _examine_path(name)


def _examine_hub(name: ModelName) -> Requirements:
    try:
        return examine_on_hub(name)
    except HubSilentError:
        folder = cached_snapshot(name)
        if folder is None:
            raise
    return replace(_examine_folder(folder, name), title=name.text)


def _examine_packaged(name: ModelName) -> Requirements:
    packaged, folder = PACKAGED[name.text], prepared(name.text)
    if folder is None:
        require_extra(packaged)
        # an extra lies on this computer already
        to_fetch = 0 if packaged.extra else packaged.size
        title, licence = packaged.title, packaged.licence
        return Requirements(title, licence, to_fetch, packaged.weights, is_converted=True)
    found = _examine_folder(folder, name)
    return replace(found, title=packaged.title, licence=packaged.licence)


def _examine_path(name: ModelName) -> Requirements:
    path = name.path
    if os.path.isdir(path):
        return _examine_folder(path, name)
    # of a device or a pipe nothing is ever read
    if is_gguf(path) and os.path.isfile(path):
        return _examine_gguf(path)
    raise StabilityError(
        "A local model must be a folder with configuration, weights and tokenizer, or a .gguf file; "
        f"{shortened(name.text)} is {'neither' if os.path.exists(path) else 'missing'}: check the path."
    )


def _examine_gguf(path: Path) -> Requirements:
    from stability.gguf_format import read_gguf

    with foreign("Reading the header of", path.name, "get a complete copy"):
        file = read_gguf(path)
    weights = weights_of(tensor.shape for tensor in file.tensors.values())
    licence = licence_of({"license": file.metadata.get("general.license")})
    return Requirements(path.name, licence, 0, weights, is_converted=True)


def _examine_folder(folder: Path, name: ModelName) -> Requirements:
    require_files(folder, name.text)
    title, licence = folder.name or str(folder), _licence(folder / "README.md")
    if has_adapter(folder):
        tensor_shapes([adapter_weights(folder, name.text)], name.text)
    if stands_alone(folder):
        base = _examine_base(folder, name)
        return replace(base, title=f"{title} on {base.title}", licence=licence)
    read_json(folder / CONFIG, name.text)
    shapes = tensor_shapes(weight_files(folder, name.text), name.text)
    return Requirements(title, licence, 0, weights_of(shapes.values()))


def _examine_base(adapter: Path, name: ModelName) -> Requirements:
    """The model that an adapter changes."""
    base = base_of(adapter, name.text, from_hub=name.kind == "hub")
    folder = cached_snapshot(base) if base.kind == "hub" else base.path
    if folder is not None:
        require_whole(folder, base.text, name.text)
    return examine(base)


def _licence(readme: Path) -> str:
    """The licence that the header of a model card names."""
    from huggingface_hub import metadata_load

    try:
        if readme.stat().st_size > LONGEST_TEXT:
            return UNKNOWN_LICENCE
        return licence_of(metadata_load(readme) or {})
    # absent, or a header that is no YAML
    except Exception:
        return UNKNOWN_LICENCE
