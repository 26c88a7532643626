"""What is written is read again as it was, and by the tools' own readers."""

import gguf
import numpy as np
import pytest
from safetensors import safe_open
from support.vector_files import V, safetensors

from stability.errors import StabilityError
from stability.vector_files.choice import choose_from
from stability.vector_files.registry import parse_vectors
from stability.vector_files.steering_vector import SteeringVector
from stability.vector_files.write import write_vectors

BOTH = {"block:1": V[1].astype(float), "block:3": V[3].astype(float)}


@pytest.mark.parametrize("ending", ["gguf", "safetensors"])
def test_several_layers_come_back_with_their_lengths_and_their_sites(tmp_path, ending):
    path = tmp_path / f"v.{ending}"
    write_vectors(SteeringVector("own", "array", BOTH, model_type="llama"), path)
    read = choose_from(path, 4)
    assert list(read.vectors) == ["block:1", "block:3"]
    for site, vector in BOTH.items():
        np.testing.assert_array_equal(read.vectors[site], vector)


def test_a_gguf_file_has_the_keys_that_llama_cpp_looks_for(tmp_path):
    path = tmp_path / "v.gguf"
    vector = SteeringVector("own", "array", BOTH, "project", model_type="llama")
    write_vectors(vector, path, {"stability.note": "text", "stability.dose": 0.5})
    reader = gguf.GGUFReader(path)
    fields = {name: field.contents() for name, field in reader.fields.items()}
    assert fields["general.architecture"] == "controlvector"
    assert fields["controlvector.model_hint"] == "llama"
    assert fields["controlvector.layer_count"] == 2
    assert (fields["stability.note"], fields["stability.dose"]) == ("text", 0.5)
    assert [tensor.name for tensor in reader.tensors] == ["direction.1", "direction.3"]
    assert choose_from(path, 4).mode == "project"


def test_a_lone_vector_is_written_as_it_is(tmp_path):
    path = tmp_path / "v.npy"
    vector = np.array([0.1, -1 / 3])
    write_vectors(SteeringVector("own", "array", {"prelogit": vector}), path)
    np.testing.assert_array_equal(np.load(path), vector)


def test_safetensors_keep_the_metadata(tmp_path):
    path = tmp_path / "v.safetensors"
    write_vectors(SteeringVector("own", "array", BOTH), path, {"note": "text", "dose": 0.5})
    with safe_open(path, "np") as file:
        assert file.metadata() == {"note": "text", "dose": "0.5"}
        assert sorted(file.keys()) == ["layer_1", "layer_3"]


def test_the_strength_that_a_file_proposes_is_kept(tmp_path):
    path = tmp_path / "v.gguf"
    write_vectors(SteeringVector("own", "array", BOTH, coefficient=0.5), path)
    assert choose_from(path, 4).coefficient == 0.5


@pytest.mark.parametrize(("site", "back"), [("prelogit", "prelogit"), ("final", "block:4")])
def test_a_safetensors_file_comes_back_as_it_was_written(tmp_path, site, back):
    path = tmp_path / "v.safetensors"
    written = SteeringVector(
        "own", "array", {**BOTH, site: V[2]}, coefficient=0.1, model_type="llama"
    )  # fmt: skip
    # what the vector says of itself is not the metadata's to change
    write_vectors(written, path, {"stability.coefficient": 7.0})
    read = choose_from(path, 5)
    assert list(read.vectors) == ["block:1", "block:3", back]
    np.testing.assert_array_equal(read.vectors[back], V[2])
    assert (read.coefficient, read.model_type) == (0.1, "llama")


@pytest.mark.parametrize("text", ["nan", "much", ""])
def test_a_coefficient_in_safetensors_that_is_no_number_is_none(text):
    data = safetensors({"layer_1": V[1]}, **{"stability.coefficient": text})
    assert parse_vectors(data, "v").coefficient is None


def test_an_ending_in_capitals_is_not_added_to(tmp_path):
    path = tmp_path / "V.NPY"
    write_vectors(SteeringVector("own", "array", {"prelogit": V[1]}), path)
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize(
    ("vector", "name", "words"),
    [
        (SteeringVector("own", "array", BOTH), "v.txt", "must end in .gguf, .safetensors, .npy"),
        (SteeringVector("own", "array", BOTH), "v.npy", "holds one vector"),
        (SteeringVector("own", "array", BOTH, "project"), "v.safetensors", "projected out"),
        (SteeringVector("own", "array", {"prelogit": V[1]}), "v.gguf", "added after blocks"),
        # llama.cpp refuses direction.0
        (SteeringVector("own", "array", {"block:0": V[1]}), "v.gguf", "from the second on"),
        *(
            (SteeringVector("own", "array", BOTH), f"none/v.{ending}", "that can be written")
            for ending in ("gguf", "safetensors")
        ),
        *(
            (
                SteeringVector("own", "array", {"block:1": V[1].astype(float) * factor}),
                f"v.{ending}",
                "in float32",
            )
            for ending in ("gguf", "safetensors")
            for factor in (1e40, 1e-40, 1e-50)
        ),
    ],
)
def test_what_a_format_cannot_hold_is_refused(tmp_path, vector, name, words):
    with pytest.raises(StabilityError, match=words):
        write_vectors(vector, tmp_path / name)
