"""A tiny model of three blocks, and the Depth page opened on it."""

import pytest
from support.app import DEPTH, opened
from support.models import FAMILIES, PROMPT, save_model

import stability


@pytest.fixture(scope="package")
def saved(tmp_path_factory):
    config = FAMILIES["llama"]()
    config.num_hidden_layers, config.max_position_embeddings = 3, 64
    return str(save_model(tmp_path_factory.mktemp("tiny"), config))


@pytest.fixture
def folder(saved):
    """The tiny model."""
    return saved


@pytest.fixture(scope="package")
def lm(saved):
    """The same model, loaded once more for the library's own answers."""
    return stability.load(saved, device="cpu")


@pytest.fixture
def page(folder):
    app = opened(DEPTH, model=folder, prompt=PROMPT)
    assert not app.exception
    assert not app.error
    return app
