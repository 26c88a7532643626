"""Every format is read with its lengths, signs and layers, or refused for what it is."""

import io
import json
import os
import pickle
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.states import properties
from support.vector_files import (
    WIDTH,
    V,
    control_vector,
    lm_eval,
    locked,
    neuronpedia,
    npy,
    npz,
    pt,
    sae_folder,
    safetensors,
    steering_lite,
    svec,
    twice,
    zipped,
)

from stability.errors import StabilityError
from stability.vector_files.content import LARGEST, read_bytes
from stability.vector_files.registry import parse_vectors, read_vectors
from stability.vector_files.row_readers import open_rows
from stability.vector_files.steering_vector import SteeringVector
from stability.vector_files.write import write_vectors


def sites(data: bytes, name: str = "vector") -> dict[str, tuple]:
    """By the file's own name: where a vector is applied, and the layer whose numbers it holds."""
    file = parse_vectors(data, name)
    return {
        entry.name: (
            entry.applied,
            entry.extracted,
            next(
                (k for k, v in V.items() if np.array_equal(entry.vector, v.astype(float))), "other"
            ),
        )
        for entry in file.entries
    }


# --- each format ----------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ["controlvector", "steeringvector"])
def test_a_control_vector_is_added_to_the_output_of_its_block(tmp_path, architecture):
    data = control_vector(tmp_path / "v", {3: V[3], 1: V[1]}, architecture)
    assert sites(data) == {
        "direction.1": ("block:1", None, 1),
        "direction.3": ("block:3", None, 3),
    }
    file = parse_vectors(data, "v")
    assert (file.mode, file.coefficient, file.model_type) == ("add", None, "llama")


def test_a_control_vector_of_unit_length_is_said_to_keep_its_strength_elsewhere(tmp_path):
    unit = (V[1] / np.linalg.norm(V[1])).astype(np.float32)
    said = parse_vectors(control_vector(tmp_path / "v", {1: unit}), "v").warnings
    assert any("length one" in sentence and "two signs" in sentence for sentence in said)
    said = parse_vectors(control_vector(tmp_path / "w", {1: V[1]}), "w").warnings
    assert not any("length one" in sentence for sentence in said)


def test_a_control_vector_in_half_precision_keeps_what_that_holds(tmp_path):
    half = V[1].astype(np.float16)
    [entry] = parse_vectors(control_vector(tmp_path / "v", {1: half}), "v").entries
    assert np.array_equal(entry.vector, half.astype(float))


def test_glps_metadata_say_how_a_control_vector_is_applied(tmp_path):
    fields = {"mode": "project", "alpha_default": 0.5, "hook_point": "resid_pre"}
    file = parse_vectors(control_vector(tmp_path / "v", {3: V[3]}, **fields), "v")
    assert (file.mode, file.coefficient, file.entries[0].applied) == ("project", 0.5, "block:2")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"mode": "rotate"}, "says mode 'rotate'"),
        ({"hook_point": "blocks.1.attn_out"}, "belongs to the residual stream"),
        ({"hook_point": "resid_pre"}, "meant for the embeddings"),
        (
            {"mode": "add", "glp": "project"},
            "says mode 'project' and, in controlvector.mode, 'add'",
        ),
    ],
)
def test_a_control_vector_applied_in_another_way_is_refused(tmp_path, fields, words):
    with pytest.raises(StabilityError, match=words):
        parse_vectors(control_vector(tmp_path / "v", {0: V[1]}, **fields), "v")


def test_two_keys_that_apply_a_control_vector_alike_are_no_contradiction(tmp_path):
    data = control_vector(tmp_path / "v", {1: V[1]}, mode="project", glp="project")
    assert parse_vectors(data, "v").mode == "project"


def test_svec_is_measured_after_a_block_and_added_before_it():
    assert sites(svec()) == {"1": ("block:0", "block:1", 1), "3": ("block:2", "block:3", 3)}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"num_heads": 2, "head_dim": 4}, "for each attention head"),
        ({"directions": {"1": [[1, 2], [3, 4]]}}, "one for each of 2 positions or heads"),
        ({"directions": {"one": [1, 2]}}, "a layer of it is called 'one'"),
        ({"directions": {"1": ["a"]}}, "layer 1"),
        ({"directions": [1, 2]}, "no object with a layer"),
        ({"directions": {}}, "must hold one at least"),
        ({"directions": {"1": [1, 2], "2": [1, 2, 3]}}, "must have one width"),
    ],
)
def test_svec_of_another_kind_is_refused(more, words):
    with pytest.raises(StabilityError, match=words):
        parse_vectors(svec(**more), "heads.svec")


def test_steering_lite_keeps_its_layers_and_its_coefficient():
    assert sites(steering_lite()) == {
        "layer1": ("block:1", "block:1", 1),
        "layer3": ("block:3", "block:3", 3),
    }
    assert parse_vectors(steering_lite(), "v").coefficient == 2.5


def test_steering_lites_ablation_is_a_projection_that_proposes_no_coefficient():
    for more in ({"coeff": 0}, {"coeff": 0.0}, {"coeff": None}):
        file = parse_vectors(steering_lite("directional_ablation", **more), "v")
        assert (file.mode, file.coefficient) == ("project", None)
    # its tool adds coeff·v̂ to what is left
    with pytest.raises(StabilityError, match=r"with coeff 2\.5, which does both: use coeff 0"):
        parse_vectors(steering_lite("directional_ablation"), "v")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"method": "linear_act"}, "more than one vector a layer"),
        ({"target": "attn"}, "says target 'attn'"),
    ],
)
def test_what_steering_lite_has_learned_beyond_a_vector_is_refused(change, words):
    with pytest.raises(StabilityError, match=words):
        parse_vectors(steering_lite(**change), "v")


def test_the_harness_adds_its_vector_times_its_coefficient():
    [entry] = parse_vectors(lm_eval(), "v").entries
    assert (entry.name, entry.applied) == ("layers.2", "block:2")
    np.testing.assert_array_equal(entry.vector, 3.0 * V[2].astype(float))


def test_a_clamp_to_zero_is_a_projection_and_other_clamps_are_refused():
    assert parse_vectors(lm_eval("clamp", 0.0), "v").mode == "project"
    for data in (lm_eval("clamp"), lm_eval("scale"), lm_eval(head_index=1)):
        with pytest.raises(StabilityError, match="added"):
            parse_vectors(data, "v")


def test_the_rows_of_a_dictionarys_decoder_are_read_and_not_its_encoder(tmp_path):
    file = read_vectors(sae_folder(tmp_path / "sae"))
    assert [entry.name for entry in file.entries] == ["0", "1", "2"]
    assert {entry.applied for entry in file.entries} == {"block:2"}
    np.testing.assert_array_equal(
        np.stack([entry.vector for entry in file.entries]), np.stack([V[0], V[1], V[3]])
    )


def test_the_rows_of_a_decoder_are_parts_of_what_is_stored_and_no_copies(tmp_path):
    first, second, _ = read_vectors(sae_folder(tmp_path / "sae")).entries
    assert first.vector.base is second.vector.base is not None
    assert first.vector.dtype == np.float32


@pytest.mark.parametrize(
    ("hook", "site"),
    [("blocks.2.hook_resid_pre", "block:1"), ("blocks.2.hook_mlp_out", None)],
)
def test_a_dictionary_belongs_where_its_hook_was(tmp_path, hook, site):
    file = read_vectors(sae_folder(tmp_path / "sae", hook))
    assert {entry.applied for entry in file.entries} == {site}
    assert bool(file.warnings) == (site is None)


def test_a_decoder_of_a_linear_layer_is_read_by_its_columns(tmp_path):
    folder = tmp_path / "llama-scope"
    (folder / "checkpoints").mkdir(parents=True)
    weights = {"decoder.weight": np.stack([V[1], V[3]]).T.copy(), "encoder.weight": np.eye(3)}
    (folder / "checkpoints/final.safetensors").write_bytes(safetensors(weights))
    settings = {"hook_point_in": "blocks.3.hook_resid_post", "d_model": WIDTH}
    (folder / "hyperparams.json").write_text(json.dumps(settings))
    file = read_vectors(folder)
    np.testing.assert_array_equal(file.entries[1].vector, V[3])
    assert file.entries[1].applied == "block:3"


def test_gemma_scope_keeps_a_dictionary_in_an_archive():
    file = parse_vectors(
        npz(W_dec=np.stack([V[0], V[1], V[3]]), W_enc=np.ones((8, 3))), "params.npz"
    )
    assert [entry.applied for entry in file.entries] == [None] * 3
    np.testing.assert_array_equal(file.entries[2].vector, V[3])


def test_neuronpedias_vector_has_a_hook_and_a_strength():
    assert parse_vectors(neuronpedia(), "v.json").coefficient == 10
    assert sites(neuronpedia("blocks.2.hook_resid_pre")) == {"7": ("block:1", "block:1", 2)}


def test_neuronpedias_strength_has_two_names_that_must_agree():
    for long, short in ((4, None), (10.0, 10), (None, 10)):
        data = neuronpedia(strength=short, vectorDefaultSteerStrength=long)
        assert parse_vectors(data, "v.json").coefficient == (long or short)
    with pytest.raises(StabilityError, match=r"vectorDefaultSteerStrength 4 and .* 10: keep one"):
        parse_vectors(neuronpedia(vectorDefaultSteerStrength=4), "v.json")


@pytest.mark.parametrize(
    "data",
    [
        npy(V[1]),
        npy(V[1][None]),
        npy(V[1].astype(">f8")),
        npz(arr_0=V[1]),
        pt(torch.from_numpy(V[1])),
        pt(torch.from_numpy(V[1]), _use_new_zipfile_serialization=False),
        pt(torch.from_numpy(V[1]).requires_grad_()),
        pt([torch.from_numpy(V[1])]),
        safetensors({"vector": V[1]}),
        json.dumps(V[1].tolist()).encode(),
        json.dumps([V[1].tolist()]).encode("utf-8-sig"),
    ],
)
def test_a_plain_vector_is_read_and_says_no_layer(data):
    assert list(sites(data).values()) == [(None, None, 1)]


def test_a_vector_in_bfloat16_keeps_what_that_holds():
    vector = torch.from_numpy(V[1]).bfloat16()
    for data in (pt(vector), pt({"layer_1": vector})):
        [entry] = parse_vectors(data, "v").entries
        np.testing.assert_array_equal(entry.vector, vector.double().numpy())


@pytest.mark.parametrize(
    "data",
    [
        npz(layer_1=V[1], layer_3=V[3]),
        safetensors({"layer_1": V[1], "layer_3": V[3]}),
        pt({"layer_1": torch.from_numpy(V[1]), "layer_3": torch.from_numpy(V[3])}),
    ],
)
def test_names_of_layers_are_read_and_said_to_be_names(data):
    found = sites(data)
    assert list(found.values()) == [("block:1", "block:1", 1), ("block:3", "block:3", 3)]
    assert any("Only the name" in sentence for sentence in parse_vectors(data, "v").warnings)


@pytest.mark.parametrize("name", ["layer_12.pt", "caa-layer12.npy", "model.layers.12.npy"])
def test_a_files_own_name_may_say_the_layer(name):
    data = pt(torch.from_numpy(V[1])) if name.endswith("pt") else npy(V[1])
    file = parse_vectors(data, name)
    assert file.entries[0].applied == "block:12"
    assert any(name in sentence for sentence in file.warnings)


@pytest.mark.parametrize("name", [
    "player2.npy", "layers_3_to_layer_5.npy", "12.npy", "v.npy", "final.npy", "layer-1.npy",
    "layer_5_resid_pre.npy", "layer_5_resid_mid.npy", "layer_5_mlp_out.npy", "layer5-attn.npy",
    "block_5/mlp.npy", "self_attn_layer_5.npy",
])  # fmt: skip
def test_a_name_that_does_not_say_a_layer_is_not_read_as_one(name):
    assert parse_vectors(npy(V[1]), name).entries[0].applied is None


# --- what is refused ------------------------------------------------------------------------------


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_no_pickle_is_run_wherever_it_hides(tmp_path):
    trap = Trap(tmp_path / "sprung")
    for data in (
        pickle.dumps(trap),
        npy(np.array([trap])),
        npz(v=np.array([trap], dtype=object)),
        pt(trap),
        pt({"layer_1": trap}),
        pt(trap, _use_new_zipfile_serialization=False),
    ):
        with pytest.raises(StabilityError, match=r"could run code.*save its plain arrays"):
            parse_vectors(data, "v")
    assert not trap.path.exists()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (pt({"J": {1: torch.eye(4)}, "d_model": 4}), "a Jacobian lens"),
        (pt(torch.eye(4)), "is a map of 4×4"),
        (npy(np.eye(4)), "is a map of 4×4"),
        (safetensors({"lora_A": np.ones((2, 8)), "lora_B": np.ones((8, 2))}), "a learned map"),
        (npy(np.ones((2, 3, 4))), r"the shape \(2, 3, 4\)"),
        (npy(np.float64(3)), r"the shape \(\)"),
        (npy(np.ones(4) * 1j), "it holds complex numbers"),
        (npy(np.array([1, np.nan, np.inf])), "finite; 2 of its 3"),
        (npz(), "must hold one at least"),
        (pt({"layer_1": torch.ones(3), "n": 3}), "holds more than tensors"),
        (pt(torch.ones(1).expand(10**9)), "a tensor of the shape"),
        (pt("text"), "it holds no tensor"),
        (b'{"vector": "text", "hookName": "blocks.1.hook_resid_post"}', "is neither"),
        (b"\x00\x01\xfe\xff" * 9, "no known format"),
        (b"PK\x03\x04" + b"\0" * 40, "its archive is damaged"),
        (twice("v.npy", "v.npy"), "two arrays of the name 'v'"),
        (twice("layer_1", "layer_1.npy"), "two arrays of the name 'layer_1'"),
        (b'{"directions": {"1": [1.0], "1": [2.0]}}', "'1' stands twice"),
        (b"[true, false]", "it holds truth values"),
        (b"[true, 0.5]", "it holds truth values"),
        (b"[[0.5, 1], [2, false], [3, 4]]", "it holds truth values"),
        (svec(directions={"1": [0.5, True]}), "layer 1: it holds truth values"),
        (npy(np.array([True, False])), "it holds truth values"),
        (npz(W_dec=np.ones((3, 8), bool)), "it holds truth values"),
        (pt({"W_dec": torch.ones(3, 8, dtype=torch.bool)}), "W_dec of .* has truth values"),
        (safetensors({"W_dec": np.ones((3, 8), bool)}), "W_dec of .* has truth values"),
        (pt(torch.ones(2, device="meta")), "is neither"),
        (pt(torch.ones(2, dtype=torch.complex64)), "real numbers"),
        (steering_lite(["mean_diff"]), "has learned"),
        (b"GGUF\x03\x00\x00\x00", "ends early"),
        (safetensors({"v": V[1]})[:-4], "its tensors are damaged"),
    ],
)
@pytest.mark.filterwarnings(
    "ignore:ComplexHalf support", "ignore:.*quantize", "ignore:TypedStorage"
)
def test_what_is_no_vector_is_refused_in_one_sentence(data, words):
    with pytest.raises(StabilityError, match=words) as error:
        parse_vectors(data, "own.file")
    assert "own.file" in str(error.value)
    assert "\n" not in str(error.value)


# a library's words for those who call it
FOREIGN = re.compile(
    r"float\(\)|int\(\)|codec|Errno|Error\b|Expecting|deserializ|descr|dtype|header|object at|<U|\|S"
    r"|attribute|recursion|inhomogeneous|CRC|EOF|magic|enforce|PyTorch|buffer|NoneType|torch\."
)
DEEP = b"[" * 200 + b"1" + b"]" * 200
PLAIN_WORDS = {
    "an empty file": (b"", "(it is empty)"),
    "a list that is cut off": (b"[0.1, 0.2", "(its JSON text ends early)"),
    "a list without a comma": (b"[0.1 0.2]", "(its JSON text is wrong from line 1, character 6, on)"),
    "a list of a list": (b"[0.1, [0.2]]", "(its lists differ in length, or are nested too deep)"),
    "lists without end": (b"[" * 10**5, "(its lists are nested too deep)"),
    "lists in lists": (DEEP, "(its lists differ in length, or are nested too deep)"),
    "text in a list": (b'[0.1, "a"]', "(it holds text)"),
    "an object": (b'{"a": 1}', "(it holds more than numbers)"),
    "a huge whole number": (b"[1%s, 2]" % (b"0" * 400), "(a number in it is too large)"),
    "a number of too many digits": (b"[%s]" % (b"9" * 5000), "(a number in it has too many digits)"),
    "svec with text": (svec(directions={"1": ["a"]}), "(layer 1: it holds text)"),
    "svec with an object": (svec(directions={"1": {}}), "(layer 1: it holds more than numbers)"),
    "steering-lite without settings": (safetensors({"a.v": V[1]}, cfg="3"), "(its cfg is no JSON"),
    "text in an array": (npy(np.array(["a", "b"])), "(it holds text)"),
    "dates in an array": (npy(np.zeros(2, "M8[s]")), "(it holds dates)"),
    "records in an array": (npy(np.zeros(2, "f8, i4")), "(it holds records)"),
    "half an array": (npy(V[1])[:40], "(it is no .npy array, or damaged)"),
    "an archive that is cut off": (npz(v=V[1])[:-9], "(its archive is damaged"),
    "text in an archive": (zipped("a.txt", b"hello"), "(it is no .npy array, or damaged)"),
    "an archive with a password": (locked(npz(v=V[1])), "(its archive is damaged, or packed in a way"),
    "torch's archive without tensors": (zipped("x/data.pkl", b"hello"), "(its tensors are damaged"),
    "tensors in a list": (pt([torch.ones(2), torch.ones(2)]), "(it holds no tensor)"),
    "lists in the harness's file": (lm_eval(steering_vector=[[1.0], [1.0, 2.0]]), "differ in length"),
    "objects in the harness's file": (lm_eval(steering_vector=[{}]), "(it holds more than numbers)"),
    "a header that is no JSON": (b"\x08" + bytes(7) + b"{]" + bytes(9), "(its tensors are damaged"),
}  # fmt: skip


@pytest.mark.parametrize("name", PLAIN_WORDS)
def test_a_reason_is_in_plain_words(name):
    data, words = PLAIN_WORDS[name]
    with pytest.raises(StabilityError) as error:
        parse_vectors(data, "own")
    assert words in str(error.value)
    assert not FOREIGN.search(str(error.value))


def test_a_model_is_not_taken_for_a_control_vector(tmp_path):
    import gguf

    writer = gguf.GGUFWriter(tmp_path / "m", "llama")
    writer.add_tensor("output.weight", np.ones((2, 2), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(StabilityError, match="is a model of the architecture 'llama'"):
        read_vectors(tmp_path / "m")


def test_a_table_of_features_is_named():
    with pytest.raises(StabilityError, match="names features of dictionaries"):
        parse_vectors(b"action,hookpoint,feature_index\nadd,layers.1,5\n", "steer.csv")


def test_an_archive_that_unpacks_to_much_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("v.npy", b"\0" * (LARGEST + 1))
    assert path.stat().st_size < LARGEST / 100
    with pytest.raises(StabilityError, match="must unpack to at most 100 MB"):
        read_vectors(path)


def test_claims_of_size_are_held_against_the_file():
    for shape in (b"(8000000000,)", b"(9223372036854775807, 4)"):
        end = b", }"
        spaces = b" " * (len(shape) - len(b"(8,)"))
        data = npy(np.ones(8)).replace(b"(8,)" + end + spaces, shape + end)
        with pytest.raises(StabilityError, match="ends before its last number"):
            parse_vectors(data, "v")


def test_a_pipe_a_device_and_a_folder_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(StabilityError, match="must be a regular file"):
            read_vectors(path)
    with pytest.raises(StabilityError, match="must be a sparse autoencoder's"):
        read_vectors(tmp_path)
    for name, reason in (
        ("nothing", "No such file or directory"),
        ("a" * 5000, "File name too long"),
        ("zero\0byte", "no file has such a name"),
    ):
        with pytest.raises(StabilityError, match=rf"must be readable; .* is not \({reason}\)"):
            read_vectors(f"{tmp_path}/{name}")


def test_a_file_that_is_no_vectors_by_its_size_is_not_read(tmp_path):
    path = tmp_path / "large.npy"
    with path.open("wb") as file:
        file.truncate(LARGEST + 1)
    with pytest.raises(StabilityError, match="must be at most 100 MB"):
        read_bytes(path)


def test_a_matrix_too_large_to_be_read_at_once_is_mapped(tmp_path):
    path = tmp_path / "rows.npy"
    shape = (1 + LARGEST // (8 * 8192), 8192)
    rows = np.lib.format.open_memmap(path, "w+", dtype=float, shape=shape)
    rows[3, :2] = 3.0, 4.0
    del rows
    assert path.stat().st_size > LARGEST
    entry = read_vectors(path).entries[3]
    assert (entry.name, entry.vector[:3].tolist()) == ("3", [3.0, 4.0, 0.0])
    assert not entry.vector.flags.writeable


WHOLE = {
    "npy": npy(V[1]),
    "npz": npz(layer_1=V[1]),
    "pt": pt(torch.from_numpy(V[1])),
    "legacy pt": pt(torch.from_numpy(V[1]), _use_new_zipfile_serialization=False),
    "safetensors": steering_lite(),
    "svec": svec(),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", [*WHOLE, "gguf"])
def test_damaged_content_gives_finite_vectors_or_our_error(tmp_path, kind):
    whole = WHOLE[kind] if kind in WHOLE else control_vector(tmp_path / "v", {1: V[1]})

    @properties(60)
    @given(st.data())
    def damaged(data):
        content = bytearray(whole)
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        end = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
        said = ""
        try:  # nothing else is raised
            file = parse_vectors(bytes(content[:end]), "v")
            assert all(np.isfinite(entry.vector).all() for entry in file.entries)
        except StabilityError as error:
            said = str(error)
        assert not FOREIGN.search(said)

    damaged()


# --- what else a file may say ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "hook",
    [
        "model.layers.2.mlp",
        "layers.2.self_attn.o_proj",
        "vision_tower.encoder.layers.2",
        "blocks.2.hook_mlp_out",
    ],
)
def test_a_vector_of_another_stream_is_said_to_be_one_and_has_no_site(hook):
    part = torch.load(io.BytesIO(lm_eval()), weights_only=True)["layers.2"]
    for data in (neuronpedia(hook), pt({hook: part})):
        file = parse_vectors(data, "own")
        assert [entry.applied for entry in file.entries] == [None]
        assert any(f"measured at {hook!r}" in sentence for sentence in file.warnings)


@pytest.mark.parametrize(
    "hook", ["blocks.2.attn.hook_z", "blocks.2.mlp.hook_post", "model.layers.2.self_attn.q_proj"]
)
def test_a_vector_of_what_a_block_computes_inside_is_refused(hook):
    part = torch.load(io.BytesIO(lm_eval()), weights_only=True)["layers.2"]
    for data in (neuronpedia(hook), pt({hook: part})):
        with pytest.raises(StabilityError, match="inside a block"):
            parse_vectors(data, "own")


@pytest.mark.parametrize("name", ["vision_tower.layer_2", "model.layers.2.input_layernorm"])
def test_a_layer_of_another_tower_or_inside_a_block_is_no_site(name):
    assert sites(npz(**{name: V[2]})) == {name: (None, None, 2)}


def test_other_tools_keys_do_not_change_how_a_control_vector_is_applied(tmp_path):
    path = tmp_path / "v.gguf"
    write_vectors(
        SteeringVector("own", "array", {"block:1": V[1]}), path, {"stability.mode": "project"}
    )
    assert parse_vectors(path.read_bytes(), "own").mode == "add"


def test_a_tensor_that_is_negated_when_it_is_read_is_read_as_it_is():
    tensor = torch.tensor([1 - 2j, 3 - 4j]).conj().imag
    assert tensor.is_neg()
    [entry] = parse_vectors(pt(tensor), "own").entries
    assert entry.vector.tolist() == [2.0, 4.0]


def test_a_header_whose_length_begins_as_an_archive_does_is_no_archive(tmp_path):
    length = int.from_bytes(b"PK", "little")
    spare = len(safetensors({"rows": np.ones((2, 8))}, note=""))
    for note in ("x" * n for n in range(length - spare, length)):
        data = safetensors({"rows": np.stack([V[1], V[3]])}, note=note)
        if data.startswith(b"PK"):
            break
    assert data.startswith(b"PK")
    assert [entry.vector.tolist() for entry in parse_vectors(data, "own").entries] == [
        V[1].tolist(), V[3].tolist()
    ]  # fmt: skip
    (tmp_path / "own.safetensors").write_bytes(data)
    assert open_rows(tmp_path / "own.safetensors").matrix.shape == (2, WIDTH)


@pytest.mark.parametrize("strength", [float("nan"), float("inf"), True, "5"])
def test_a_strength_that_is_no_number_is_none(strength):
    assert parse_vectors(neuronpedia(strength=strength), "own").coefficient is None
    assert parse_vectors(steering_lite(coeff=strength), "own").coefficient is None
