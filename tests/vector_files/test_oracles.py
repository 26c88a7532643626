"""Files that the tools themselves have written, and what the tools themselves do to the logits.

The tools are the optional extra `steering-oracles`; without them this file is not collected. Neither
repeng nor Dialz imports beside today's packages as it is; what they lack is given to them here.
"""

import copy
import importlib.util
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from support.models import FAMILIES, WIDTH, blocks, loaded_once
from support.steering import TEXT, random_vector

from stability.errors import StabilityError
from stability.steering.passes.reading import steered_text
from stability.vector_files.choice import choose_from
from stability.vector_files.steering_vector import SteeringVector

COEFFICIENT = 1.5
V = {layer: random_vector(WIDTH, seed=layer, length=2.0).astype(np.float32) for layer in (0, 1)}


@pytest.fixture(scope="module")
def lm(tmp_path_factory):
    return loaded_once(tmp_path_factory, lambda name: FAMILIES[name]())("llama")


@pytest.fixture
def repeng(monkeypatch):
    # numpy 2 has no such name
    monkeypatch.setattr(np, "float_", np.float64, raising=False)
    return importlib.import_module("repeng")


@pytest.fixture
def dialz(monkeypatch):
    """Its module of vectors alone: the package asks for plotting and notebooks when it is imported."""
    found = importlib.util.find_spec("dialz")
    package, dataset = types.ModuleType("dialz"), types.ModuleType("dialz.dataset")
    package.__path__ = [str(Path(found.origin).parent)]
    dataset.DatasetEntry = object
    monkeypatch.setitem(sys.modules, "dialz", package)
    monkeypatch.setitem(sys.modules, "dialz.dataset", dataset)
    monkeypatch.setattr(np, "float_", np.float64, raising=False)
    module = importlib.import_module("dialz.vector")
    monkeypatch.delitem(sys.modules, "dialz.vector")
    return module


def applied(lm, vector: SteeringVector, coefficient: float) -> torch.Tensor:
    text = steered_text(lm, TEXT, vector)
    return lm.readout.logits(text.vectors([coefficient])[0].to(lm.readout.W_U))


def ids_of(lm) -> torch.Tensor:
    return torch.tensor([[token.id for token in lm.tokenize(TEXT)]])


def test_repengs_own_file_is_applied_as_repeng_applies_it(lm, repeng, tmp_path):
    control = repeng.ControlVector("llama", V)
    control.export_gguf(tmp_path / "v.gguf")
    vector = choose_from(tmp_path / "v.gguf", lm.card.n_layers)
    assert list(vector.vectors) == ["block:0", "block:1"]
    model = repeng.ControlModel(copy.deepcopy(lm.model), [0, 1])
    model.set_control(control, COEFFICIENT)
    with torch.no_grad():
        expected = model(input_ids=ids_of(lm), use_cache=False).logits[0].double()
    # float32 sums of logits of ten
    torch.testing.assert_close(applied(lm, vector, COEFFICIENT), expected, rtol=1e-4, atol=1e-4)


def test_dialzs_own_file_is_read_as_it_was_written(lm, dialz, tmp_path):
    dialz.SteeringVector("llama", V).export_gguf(tmp_path / "v.gguf")
    vector = choose_from(tmp_path / "v.gguf", lm.card.n_layers)
    assert vector.format == "GGUF steering vector (Dialz)"
    for layer, values in V.items():
        np.testing.assert_array_equal(vector.vectors[f"block:{layer}"], values.astype(float))


def test_dialz_steers_the_same_blocks(lm, dialz, tmp_path):
    dialz.SteeringVector("llama", V).export_gguf(tmp_path / "v.gguf")
    vector = choose_from(tmp_path / "v.gguf", lm.card.n_layers, "block:1")
    model = copy.deepcopy(lm.model)
    module = dialz.SteeringModule(blocks(model)[1])
    module.set_control(dialz.BlockControlParams(COEFFICIENT * torch.from_numpy(V[1])))
    blocks(model)[1] = module
    with torch.no_grad():
        expected = model(input_ids=ids_of(lm), use_cache=False).logits[0].double()
    torch.testing.assert_close(applied(lm, vector, COEFFICIENT), expected, rtol=1e-4, atol=1e-4)


def test_steering_vectors_adds_the_same(lm, tmp_path):
    tool = importlib.import_module("steering_vectors")
    theirs = tool.SteeringVector({layer: torch.from_numpy(v) for layer, v in V.items()})
    model = copy.deepcopy(lm.model)
    with torch.no_grad(), theirs.apply(model, multiplier=COEFFICIENT):
        expected = model(input_ids=ids_of(lm), use_cache=False).logits[0].double()
    path = tmp_path / "v.npz"
    np.savez(path, **{f"layer_{layer}": v for layer, v in V.items()})
    vector = choose_from(path, lm.card.n_layers)
    torch.testing.assert_close(applied(lm, vector, COEFFICIENT), expected, rtol=1e-4, atol=1e-4)


def test_what_steering_vectors_pickles_is_refused_with_the_remedy(tmp_path):
    tool = importlib.import_module("steering_vectors")
    torch.save(tool.SteeringVector({0: torch.from_numpy(V[0])}), tmp_path / "v.pt")
    with pytest.raises(StabilityError, match="save its plain arrays"):
        choose_from(tmp_path / "v.pt", 2)
