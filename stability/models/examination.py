"""Examine a model without loading it: read the headers of its files, and nothing else of them."""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from stability.errors import StabilityError
from stability.models.hub import HubSilentError, examine_on_hub
from stability.models.hub_download import cached_snapshot
from stability.models.model_name import ModelName, parse_name, shortened
from stability.models.packaged.cache import prepared
from stability.models.packaged.fetch import require_extra
from stability.models.packaged.registry import PACKAGED
from stability.models.requirements import UNKNOWN_LICENCE, Requirements, licence_of, weights_of

WEIGHTS = "model.safetensors"
INDEX = f"{WEIGHTS}.index.json"
ADAPTER, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
# bytes: no description of a model is longer
LONGEST_TEXT = 50_000_000


def examine(name: ModelName) -> Requirements:
    """What a model asks for, from what is packaged, from headers of files, or from the hub.

    Raises StabilityError where there is no such model, where the hub does not answer, and for a model
    without safetensors or GGUF weights.
    """
    match name.kind:
        case "packaged":
            return _examine_packaged(name.text)
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
    return replace(_examine_folder(folder, name.text), title=name.text)


def _examine_packaged(name: str) -> Requirements:
    packaged, folder = PACKAGED[name], prepared(name)
    if folder is None:
        require_extra(packaged)
        # an extra lies on this computer already
        to_fetch = 0 if packaged.extra else packaged.size
        title, licence = packaged.title, packaged.licence
        return Requirements(name, title, licence, 0, to_fetch, packaged.weights, is_converted=True)
    found = _examine_folder(folder, name)
    return replace(found, title=packaged.title, licence=packaged.licence)


def _examine_path(name: ModelName) -> Requirements:
    # unlike Path.expanduser, it leaves an unknown user as it is
    path = Path(os.path.expanduser(name.text))
    if os.path.isdir(path):
        return _examine_folder(path, name.text)
    # of a device or a pipe nothing is ever read
    if path.suffix == ".gguf" and os.path.isfile(path):
        return _examine_gguf(path, name.text)
    raise StabilityError(
        "A local model must be a folder with configuration, weights and tokenizer, or a .gguf file; "
        f"{shortened(name.text)} is {'neither' if os.path.exists(path) else 'missing'}: check the path."
    )


def _examine_gguf(path: Path, name: str) -> Requirements:
    from gguf import GGUFReader

    try:
        reader = GGUFReader(path)
        weights = weights_of(tensor.shape for tensor in reader.tensors)
        field = reader.get_field("general.license")
        licence = licence_of({"license": field and field.contents()})
    # the reader has no exceptions of its own
    except Exception as error:
        raise _unreadable(path, error) from error
    size = path.stat().st_size
    return Requirements(name, path.name, licence, size, 0, weights, is_converted=True)


def _examine_folder(folder: Path, name: str) -> Requirements:
    files = _weight_files(folder)
    weights = weights_of(shape for file in files for shape in _shapes(file))
    found = Requirements(
        name=name,
        title=folder.name or str(folder),
        licence=_licence(folder / "README.md"),
        stored=sum(file.stat().st_size for file in files),
        to_fetch=0,
        weights=weights,
    )
    if files[0].name != ADAPTER_WEIGHTS:
        return found
    base = _examine_base(folder)
    return replace(base, name=name, title=f"{folder.name} on {base.title}", licence=found.licence)


def _examine_base(adapter: Path) -> Requirements:
    """The model that an adapter changes; it may not be an adapter in its turn."""
    base = str(_read_json(adapter / ADAPTER).get("base_model_name_or_path"))
    name = parse_name(base)
    if os.path.exists(Path(os.path.expanduser(name.text), ADAPTER)):
        raise StabilityError(
            f"An adapter must name a whole model as its base; {adapter.name} names the adapter "
            f"{shortened(base)}: choose another adapter."
        )
    return examine(name)


def _weight_files(folder: Path) -> list[Path]:
    """The safetensors files that loading a folder reads."""
    names = [WEIGHTS]
    if not (folder / WEIGHTS).is_file() and (folder / INDEX).is_file():
        shards = _read_json(folder / INDEX).get("weight_map")
        names = sorted({str(shard) for shard in shards.values()} if shards else ())
    elif not (folder / WEIGHTS).is_file() and (folder / ADAPTER).is_file():
        names = [ADAPTER_WEIGHTS]
    # a shard is a file of the same folder
    missing = [n for n in names if Path(n).name != n or not (folder / n).is_file()]
    if missing or not names:
        raise StabilityError(
            "A local model must be a folder with safetensors weights (pickles are never read); "
            f"{str(folder)!r} has no {(missing or [WEIGHTS])[0]}: get a complete copy."
        )
    return [folder / name for name in names]


def _shapes(path: Path) -> list[Sequence[int]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            return [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, error) from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        _require_short(path)
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(path, error) from error
    if not isinstance(content, dict):
        raise _unreadable(path, ValueError("it is no JSON object"))
    return content


def _licence(readme: Path) -> str:
    """The licence that the header of a model card names."""
    from huggingface_hub import metadata_load

    try:
        _require_short(readme)
        return licence_of(metadata_load(readme) or {})
    # absent, or a header that is no YAML
    except Exception:
        return UNKNOWN_LICENCE


def _require_short(path: Path) -> None:
    """Raise OSError or ValueError for what is no regular file or too long: a pipe would never end."""
    if not path.is_file():
        raise FileNotFoundError("it is no file")
    if (size := path.stat().st_size) > LONGEST_TEXT:
        raise ValueError(f"{size:,} bytes are too many")


def _unreadable(path: Path, error: Exception) -> StabilityError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
    return StabilityError(
        f"The header of {path.name} must be readable; received: {reason}: get a complete copy."
    )
