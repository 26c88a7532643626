"""The files of vectors: what is read, what is named, and what would never end."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGUFWriter
from safetensors.torch import save_file

from stability.curvature.vector_file import LARGEST, parse_vector, read_bytes
from stability.errors import StabilityError


def control_vector(path: Path) -> None:
    writer = GGUFWriter(path, "controlvector")
    writer.add_tensor("direction.1", np.ones(8, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def archive(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, layer_12=np.ones(8))


@pytest.mark.parametrize(
    ("write", "kind"),
    [
        (control_vector, "is a GGUF file, such as a control vector"),
        (archive, "is an archive"),
        (lambda path: torch.save(torch.ones(8), path), "is an archive"),
        (lambda path: save_file({"layer12.v": torch.ones(8)}, path), r"is a \.safetensors file"),
        (lambda path: path.write_text('{"directions": {"5": [1]}}'), "is a JSON object"),
    ],
    ids=["gguf", "npz", "torch", "safetensors", "svec"],
)
def test_a_format_that_is_not_read_is_named(tmp_path, write, kind):
    path = tmp_path / "vector"
    write(path)
    with pytest.raises(StabilityError, match=kind):
        parse_vector(read_bytes(path), "vector")


@pytest.mark.parametrize("dtype", ["f2", "f4", ">f8", "i4", "u8", "?"])
def test_an_array_of_real_numbers_is_read_with_its_length_kept(dtype):
    content = io.BytesIO()
    np.save(content, np.array([0, 1, 1]).astype(dtype))
    assert parse_vector(content.getvalue(), "own").tolist() == [0, 1, 1]


def test_a_pipe_and_a_device_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(StabilityError, match="must be a regular file"):
            read_bytes(path)


def test_a_file_that_is_no_vectors_by_its_size_is_not_read(tmp_path):
    path = tmp_path / "large.npy"
    with path.open("wb") as file:
        file.truncate(LARGEST + 1)
    with pytest.raises(StabilityError, match="must be at most 100 MB"):
        read_bytes(path)
