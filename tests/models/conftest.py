"""What the tests of models share: the folder of a tiny model, and a way to change its files."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file
from support.models import FAMILIES, save_model


@pytest.fixture
def folder(tmp_path) -> Path:
    """A random llama of two blocks, saved as transformers saves it."""
    return save_model(tmp_path / "tiny", FAMILIES["llama"]())


@pytest.fixture
def set_config(folder) -> Callable[..., None]:
    """Change settings in the folder's config.json; None removes one."""

    def change(**settings: object) -> None:
        path = folder / "config.json"
        config = json.loads(path.read_text(encoding="utf-8")) | settings
        kept = {key: value for key, value in config.items() if value is not None}
        path.write_text(json.dumps(kept), encoding="utf-8")

    return change


@pytest.fixture
def edit_weights(folder) -> Callable[[Callable[[dict], object]], None]:
    """Change the tensors in the folder's safetensors."""

    def change(edit: Callable[[dict], object]) -> None:
        path = folder / "model.safetensors"
        weights = load_file(path)
        edit(weights)
        save_file(weights, path, metadata={"format": "pt"})

    return change
