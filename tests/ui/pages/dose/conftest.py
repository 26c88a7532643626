"""A tiny model of three blocks, and the Dose page opened on it."""

import pytest
from support.app import DOSE, opened
from support.models import FAMILIES, PROMPT, save_model

import stability

PAIRS = "a cat | a dog\nthe cat ran | the dog ran"


@pytest.fixture(scope="package")
def folder(tmp_path_factory):
    config = FAMILIES["llama"]()
    config.num_hidden_layers, config.max_position_embeddings = 3, 64
    return str(save_model(tmp_path_factory.mktemp("tiny"), config))


@pytest.fixture(scope="package")
def lm(folder):
    """The same model, loaded once more for the library's own answers."""
    return stability.load(folder, device="cpu")


@pytest.fixture
def page(folder):
    app = opened(DOSE, model=folder, prompt=PROMPT, pairs=PAIRS, measured=1)
    assert not app.exception
    assert not app.error
    return app
