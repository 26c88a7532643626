"""Files of many directions: every row as it is stored, and one sentence for what is no dictionary."""

import json
import pickle

import numpy as np
import pytest
import torch
from support.vector_files import (
    jacobian_lens,
    npy,
    npz,
    pt,
    sae_folder,
    safetensors,
    twice,
    zipped,
)

from stability.errors import StabilityError
from stability.vector_files.row_file import in_float64
from stability.vector_files.row_readers import open_rows

ROWS = np.random.default_rng(0).standard_normal((5, 8)).astype(np.float32)
ENCODER = 7 * ROWS.T.copy()
WHOLE = {
    "rows.npy": npy(ROWS),
    "fortran.npy": npy(np.asfortranarray(ROWS)),
    "big_endian.npy": npy(ROWS.astype(">f8")),
    "rows.npz": npz(rows=ROWS),
    "params.npz": npz(W_enc=ENCODER, W_dec=ROWS, threshold=ROWS[:, 0]),
    "one.safetensors": safetensors({"rows": ROWS}),
    "sae.safetensors": safetensors({"W_enc": ENCODER, "W_dec": ROWS, "b_dec": ROWS[0]}),
    "columns.safetensors": safetensors({"decoder.weight": ROWS.T.copy(), "decoder.bias": ROWS[0]}),
    "rows.pt": pt(torch.from_numpy(ROWS)),
    "sae.pt": pt({"W_dec": torch.from_numpy(ROWS), "W_enc": torch.from_numpy(ENCODER)}),
}


@pytest.mark.parametrize("name", WHOLE)
def test_every_row_is_read_as_it_is_stored(name, tmp_path):
    (tmp_path / name).write_bytes(WHOLE[name])
    found = open_rows(tmp_path / name)
    assert in_float64(found.matrix[0:5]).tolist() == ROWS.astype(float).tolist()
    assert in_float64(found.matrix[2:4]).tolist() == ROWS[2:4].astype(float).tolist()
    assert (found.file, found.hook, found.site) == (name, None, None)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_read(dtype, tmp_path):
    rows = torch.from_numpy(ROWS).to(dtype)
    (tmp_path / "half.pt").write_bytes(pt(rows))
    assert in_float64(open_rows(tmp_path / "half.pt").matrix[:]).tolist() == rows.tolist()


HOOKS = {
    "blocks.2.hook_resid_post": "block:2",
    "blocks.2.hook_resid_pre": "block:1",
    "blocks.2.hook_mlp_out": None,
    "blocks.0.hook_resid_pre": None,
}


@pytest.mark.parametrize(("hook", "site"), HOOKS.items())
def test_a_folder_of_saelens_says_its_hook(hook, site, tmp_path):
    found = open_rows(sae_folder(tmp_path / "sae", hook, ROWS))
    assert (found.hook, found.site) == (hook, site)
    assert found.format == "sparse autoencoder (SAELens, rows of W_dec)"
    assert in_float64(found.matrix[1:2]).tolist() == ROWS[1:2].astype(float).tolist()


def test_the_rows_of_a_transcoder_belong_where_it_writes(tmp_path):
    folder = sae_folder(tmp_path / "sae", decoder=ROWS)
    read, written = (
        {"hook_name": "blocks.2.hook_mlp_in"}, {"hook_name_out": "blocks.2.hook_mlp_out"}
    )  # fmt: skip
    for settings in ({**read, **written}, {**read, "metadata": written}):
        (folder / "cfg.json").write_text(json.dumps(settings))
        assert open_rows(folder).hook == "blocks.2.hook_mlp_out"


def test_a_folder_of_llama_scope_keeps_rows_as_columns(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "hyperparams.json").write_text(
        '{"hook_point_in": "x", "hook_point_out": "layers.3"}'
    )
    columns = safetensors({"decoder.weight": ROWS.T.copy()})
    (tmp_path / "checkpoints" / "final.safetensors").write_bytes(columns)
    found = open_rows(tmp_path)
    assert in_float64(found.matrix[:]).tolist() == ROWS.astype(float).tolist()
    assert found.only_site == "block:3"


def test_a_lens_keeps_a_map_for_each_block(tmp_path):
    (tmp_path / "lens.pt").write_bytes(jacobian_lens({0: np.eye(8), 3: 2 * np.eye(8)}))
    found = open_rows(tmp_path / "lens.pt")
    assert found.matrix is None
    assert [*found.lens] == [0, 3]
    assert found.lens[3].tolist() == (2 * np.eye(8)).tolist()
    with pytest.raises(StabilityError, match="has maps for block:0, block:3: give one"):
        _ = found.only_site


BAD = {
    "square.npy": (npy(np.eye(8)), "is a map of 8×8, which moves each state"),
    "vector.npy": (npy(ROWS[0]), r"has the shape \[8\]: save it as \(n, d\)"),
    "complex.npy": (npy(ROWS.astype(complex)), "it holds complex numbers"),
    "objects.npy": (npy(np.array([{}, []], dtype=object)), "Pickled objects are not read"),
    "short.npy": (npy(ROWS)[:-4], r"is not \(it is no .npy array, or damaged\)"),
    "text.npz": (zipped("a.txt", b"hello"), "'text.npz/a.txt' is not .it is no .npy array"),
    "twice.npz": (twice("W_dec.npy", "W_dec"), "two arrays of the name 'W_dec'"),
    "truth.npz": (npz(W_dec=ROWS > 0), "it holds truth values"),
    "truth.pt": (pt({"W_dec": torch.from_numpy(ROWS > 0)}), "has truth values"),
    "truth.safetensors": (safetensors({"W_dec": ROWS > 0}), "has truth values"),
    "short.npz": (npz(rows=ROWS)[:-9], "its archive is damaged, or packed in a way"),
    "sparse.pt": (
        pt(torch.from_numpy(ROWS).to_sparse()),
        "has numbers that are packed, or missing",
    ),
    "bare.pt": (pt(torch.ones(3, 8, device="meta")), "has numbers that are packed, or missing"),
    "encoder.safetensors": (safetensors({"W_enc": ENCODER}), "holds the encoder 'W_enc' alone"),
    "two.npz": (npz(a=ROWS, b=ROWS), r"holds a \[5, 8\], b \[5, 8\]: save its rows alone"),
    "object.pt": (pt({"W_dec": ROWS.tolist(), "made": slice(1)}), "Pickled objects are not read"),
    "plain.pkl": (pickle.dumps(ROWS), "is a pickle"),
    "list.pt": (pt([1, 2]), "it holds no tensor"),
    "lens.pt": (pt({"J": {0: torch.ones(3)}}), "must hold a matrix for each layer"),
    "empty.npy": (b"", "'empty.npy' is none: save its rows"),
    "list.json": (b"[[1, 2], [3, 4]]", "'list.json' is none: save its rows"),
    "broken.npz": (b"PK\x03\x04" + bytes(90), "must be whole.*its archive is damaged"),
    "broken.safetensors": (
        safetensors({"rows": ROWS})[:-8],
        "must be whole.*its tensors are damaged",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_dictionary_is_refused_in_one_sentence(name, tmp_path):
    content, words = BAD[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(StabilityError, match=words) as caught:
        open_rows(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "hook",
    [
        "blocks.2.attn.hook_z",
        "blocks.2.mlp.hook_post",
        "blocks.2.ln2.hook_normalized",
        "h.2.mlp.c_fc",
    ],
)
def test_rows_within_a_block_are_refused_though_they_may_be_as_wide(hook, tmp_path):
    with pytest.raises(StabilityError, match="inside a block: use one of a block's output"):
        open_rows(sae_folder(tmp_path / "sae", hook, ROWS))


@pytest.mark.parametrize("path", ["absent.npy", "a\0b", "/dev/null/x"])
def test_what_cannot_be_read_is_said(path):
    with pytest.raises(StabilityError, match="A dictionary must be readable"):
        open_rows(path)


def test_a_device_is_not_read():
    with pytest.raises(StabilityError, match="must be a regular file; '/dev/zero' is none"):
        open_rows("/dev/zero")


def test_another_folder_is_refused(tmp_path):
    with pytest.raises(StabilityError, match="must be a sparse autoencoder's"):
        open_rows(tmp_path)
