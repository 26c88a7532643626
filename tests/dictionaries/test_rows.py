"""Rows of files at a model's sites: where they were extracted and are measured, and those of a lens."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.models import FAMILIES, PROMPT, VOCAB, WIDTH, blocks, in_float64, save_model
from support.states import random_state
from support.vector_files import jacobian_lens, npy, sae_folder

import stability
from stability.dictionaries.final_gain import final_gain
from stability.errors import StabilityError

ROWS = np.random.default_rng(0).standard_normal((6, WIDTH)).astype(np.float32)
MAPS = {
    layer: np.eye(WIDTH) + 0.3 * np.random.default_rng(layer).standard_normal((WIDTH, WIDTH))
    for layer in (0, 1)
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("tiny")
    return {name: save_model(root / name, FAMILIES[name]()) for name in ("llama", "gemma3", "gpt2")}


@pytest.fixture(scope="module", params=["llama", "gemma3"])
def lm(request, folders):
    return stability.load(str(folders[request.param]))


@pytest.fixture
def lens(tmp_path):
    (tmp_path / "lens.pt").write_bytes(jacobian_lens(MAPS))
    return tmp_path / "lens.pt"


def test_a_file_and_an_array_of_the_same_rows_measure_alike(lm, tmp_path):
    state = lm.capture(PROMPT, site="block:0")
    (tmp_path / "rows.npy").write_bytes(npy(ROWS))
    folder = sae_folder(tmp_path / "sae", "blocks.0.hook_resid_post", ROWS)
    array, file, sae = (
        stability.dictionary(state, each) for each in (ROWS, str(tmp_path / "rows.npy"), folder)
    )
    assert file.curvature.tolist() == sae.curvature.tolist() == array.curvature.tolist()
    assert (file.rows.extracted, sae.rows.extracted) == (None, "blocks.0.hook_resid_post")
    assert sae.warnings == ()
    assert sae.row(3).label == "sae#3"
    assert stability.ray(state, sae.row(3).vector).curvature == pytest.approx(
        sae.curvature[3], rel=1e-5
    )


@pytest.mark.parametrize(
    ("site", "warns"), [("block:1", False), ("final", False), ("prelogit", True)]
)
def test_rows_measured_elsewhere_than_they_were_extracted_are_said_to_be(lm, site, warns, tmp_path):
    folder = sae_folder(tmp_path / "sae", "blocks.1.hook_resid_post", ROWS)
    found = stability.dictionary(lm.capture(PROMPT, site=site), folder)
    said = (
        "Its rows were extracted at blocks.1.hook_resid_post; here they are measured at prelogit."
    )
    assert found.warnings == ((said,) if warns else ())


def final_gradient(lm, token):
    """The gradient of a logit at the vector before the final norm, times its rms: `g ⊙ w` and a term
    along the vector, by a hook and autograd in float64."""
    model, kept = in_float64(lm.model), []
    ids = torch.tensor([[each.id for each in lm.tokenize(PROMPT)]])

    def keep(module, arguments, output):
        stream = output[0] if isinstance(output, tuple) else output
        kept.append(stream.detach().requires_grad_(True))
        return (kept[0], *output[1:]) if isinstance(output, tuple) else kept[0]

    with blocks(model)[-1].register_forward_hook(keep):
        logits = model(input_ids=ids, use_cache=False).logits[0, -1]
    [gradient] = torch.autograd.grad(logits[token], kept)
    x = kept[0][0, -1].detach()
    rms, axis = x.square().mean().sqrt(), x / x.norm()
    # what the norm takes away along the vector is known from `y = g ⊙ x/rms`: w·y = (g ⊙ w)·x/rms
    return gradient[0, -1] * rms + axis * (float(logits[token].detach()) / x.norm() * rms)


@pytest.mark.parametrize("layer", [0, 1])
def test_the_rows_of_a_lens_are_gradients_of_logits_through_its_map(lm, lens, layer):
    state = lm.capture(PROMPT, site=f"block:{layer}")
    found = stability.dictionary(state, lens)
    assert len(found) == len(state.readout.W_U)
    J = torch.from_numpy(MAPS[layer]).half().double()  # as the file keeps it
    for token in (0, 17, VOCAB - 1):
        expected = (final_gradient(lm, token) @ J).numpy()
        [row] = found.rows.part(token, token + 1)
        # float32 products, of a norm that adds 1e-6 to the mean square
        assert row == pytest.approx(expected, rel=1e-4, abs=1e-4 * np.abs(expected).max())
    assert "averages over prompts" in found.warnings[0]
    [top] = found.ranked(0.1, 1)
    assert top.name == state.text(top.index)
    own = [i for i in range(VOCAB) if " the" in state.text(i)]
    assert found.search("␣The")[: len(own)].tolist() == own != []


def test_a_coordinate_that_is_zero_leaves_the_gain_of_the_norm_to_be_read(folders):
    lm = stability.load(str(folders["llama"]))
    state = lm.capture(PROMPT, site="final")
    vector = state.vector.clone()
    vector[[0, 5]] = 0
    with torch.no_grad():
        weight = lm.model.model.norm.weight.uniform_(0.5, 2.0)
    # a derivative in float32
    torch.testing.assert_close(
        final_gain(replace(state, vector=vector)), weight.detach().double(), rtol=1e-4, atol=0
    )


def test_a_lens_is_refused_where_it_has_no_map_and_where_the_norm_is_another(lens, lm, folders):
    with pytest.raises(StabilityError, match="has block:0, block:1, and the state is at prelogit"):
        stability.dictionary(lm.capture(PROMPT), lens)
    gpt2 = stability.load(str(folders["gpt2"]))
    with pytest.raises(StabilityError, match="whose final norm is a root mean square"):
        stability.dictionary(gpt2.capture(PROMPT, site="block:0"), lens)


def test_a_lens_of_another_width_is_refused(tmp_path, lm):
    (tmp_path / "lens.pt").write_bytes(jacobian_lens({0: np.eye(8)}))
    with pytest.raises(StabilityError, match=r"has a map of 8×8 for block:0"):
        stability.dictionary(lm.capture(PROMPT, site="block:0"), tmp_path / "lens.pt")


def test_a_damaged_row_of_a_file_is_named(tmp_path):
    rows = np.ones((3, 6))
    rows[2, 1] = np.inf
    (tmp_path / "rows.npy").write_bytes(npy(rows))
    with pytest.raises(StabilityError, match=r"row 2 of 'rows\.npy' has some that are NaN"):
        stability.dictionary(random_state(0), tmp_path / "rows.npy")
