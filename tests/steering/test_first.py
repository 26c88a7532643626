"""The scene of a dose that ships with the package."""

import subprocess
import sys
from importlib.resources import files

import numpy as np
import pytest

from stability.steering.first import BLOCKS, MODEL, PROMPT, first, make


def test_it_is_read_without_torch():
    code = (
        "import sys; from stability.steering.first import first; first(); "
        "print('torch' in sys.modules)"
    )
    read = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert read.stdout.strip() == "False"


def test_it_is_small_and_names_its_setting():
    assert len(files("stability.steering").joinpath("first.json").read_bytes()) < 80_000
    setting = first()["setting"]
    assert (setting["prompt"], setting["model"]["name"]) == (PROMPT, MODEL)
    assert setting["model"]["n_layers"] == BLOCKS


@pytest.mark.model
@pytest.mark.slow
def test_it_is_what_is_computed_now():
    import stability

    shipped, now = first(), make(stability.load(MODEL))
    assert shipped.keys() == now.keys()
    assert [token["id"] for token in shipped["tokens"]] == [token["id"] for token in now["tokens"]]
    # doses to the thousandth that is promised
    for before, after in zip(shipped["truth"]["doses"], now["truth"]["doses"], strict=True):
        assert before["kinds"] == after["kinds"]
        for side in ("minus", "plus"):
            assert after[side] == pytest.approx(before[side], rel=2e-3)
    # products of float32, which depend on the machine in the last digits
    for name in ("information", "extent", "reach"):
        assert now[name] == pytest.approx(shipped[name], rel=1e-4)
    layers = [[*layer["information"].values()] for layer in shipped["layers"]]
    again = [[*layer["information"].values()] for layer in now["layers"]]
    np.testing.assert_allclose(again, layers, rtol=1e-3)
    texts = [[token["id"] for token in text["tokens"]] for text in shipped["written"]["texts"]]
    assert [
        [token["id"] for token in text["tokens"]] for text in now["written"]["texts"]
    ] == texts
