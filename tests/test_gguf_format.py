"""Files that are not whole GGUFs: each refused for its own reason, and nothing is read past an end."""

import struct
import tracemalloc

import pytest
from support.gguf_models import described, write_model

from stability import gguf_format as format_module
from stability.gguf_format import GGUFError, read_gguf

UINT32, STRING, ARRAY = 4, 8, 9


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("gguf") / "whole.gguf"
    write_model(path, "llama", described("llama", {}))
    return path.read_bytes()


def header(n_tensors: int = 0, n_keys: int = 0, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, n_tensors, n_keys)


def text(string: str) -> bytes:
    return struct.pack("<Q", len(string)) + string.encode()


def number(key: str) -> bytes:
    return text(key) + struct.pack("<II", UINT32, 1)


def array(kind: int, count: int) -> bytes:
    return text("key") + struct.pack("<IIQ", ARRAY, kind, count)


def tensor(name: str, *shape: int, encoding: int = 0, offset: int = 0) -> bytes:
    sizes = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(name) + sizes + struct.pack("<IQ", encoding, offset)


ROOM = bytes(1000)
DAMAGED = {
    "nothing": (b"", "empty"),
    "four bytes": (b"GGUF", "ends early"),
    "a zip file": (b"PK\3\4" + ROOM, "another format"),
    **{
        f"version {n}": (header(version=n), f"GGUF of version {n}; version 2 or 3")
        for n in (0, 1, 4, 2**16, 2**31)
    },
    "big-endian": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "GGUF in big-endian order"),
    "2^40 keys": (header(n_keys=2**40) + ROOM, str(2**40)),
    "2^40 tensors": (header(n_tensors=2**40) + ROOM, str(2**40)),
    "more keys than bytes": (header(n_keys=2**20) + number("a"), "ends early"),
    "a string of 2^60 bytes": (header(0, 1) + struct.pack("<Q", 2**60) + ROOM, "ends early"),
    "2^60 small numbers": (header(0, 1) + array(0, 2**60) + ROOM, str(2**60)),
    "a million small numbers": (header(0, 1) + array(0, 2**20) + ROOM, "ends early"),
    "a million strings": (header(0, 1) + array(STRING, 2**20) + ROOM, "ends early"),
    "an array of arrays": (header(0, 1) + array(ARRAY, 2) + ROOM, "unknown type 9"),
    "a value of no type": (header(0, 1) + text("a") + struct.pack("<I", 99), "unknown type 99"),
    "a key twice": (header(0, 2) + 2 * number("a"), "'a' twice"),
    "no UTF-8": (header(0, 1) + struct.pack("<Q", 2) + b"\xff\xfe" + ROOM, "UTF-8"),
    "an odd alignment": (
        header(0, 1) + text("general.alignment") + struct.pack("<II", 4, 3),
        "= 3",
    ),
    "a tensor twice": (header(2) + 2 * tensor("t", 4) + ROOM, "'t' twice"),
    "a tensor of no known encoding": (header(1) + tensor("t", 4, encoding=77) + ROOM, "77"),
    "a tensor beyond the file": (header(1) + tensor("t", 4, offset=2**40) + ROOM, "tensor t"),
    "a tensor of 2^240 numbers": (header(1) + tensor("t", *[2**60] * 4) + ROOM, "tensor t"),
    "a tensor of a billion dimensions": (
        header(1) + text("t") + struct.pack("<I", 2**30) + ROOM,
        "dimensions",
    ),
    "a tensor of nothing": (header(1) + tensor("t", 0, 4) + ROOM, "[4, 0]"),
    "a scalar": (header(1) + tensor("t") + ROOM, "[]"),
    "a half block": (header(1) + tensor("t", 40, encoding=8) + ROOM, "blocks of 32"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_refused_for_its_reason_in_little_memory(tmp_path, name):
    data, reason = DAMAGED[name]
    (tmp_path / "own.gguf").write_bytes(data)
    tracemalloc.start()
    with pytest.raises(GGUFError) as caught:
        read_gguf(tmp_path / "own.gguf")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)
    assert peak < 2**20


def test_a_file_that_was_cut_anywhere_is_refused(tmp_path, whole):
    path = tmp_path / "own.gguf"
    for length in range(1, len(whole), len(whole) // 97):
        path.write_bytes(whole[:length])
        with pytest.raises(GGUFError):
            read_gguf(path)


def test_a_whole_file_is_read(tmp_path, whole):
    path = tmp_path / "own.gguf"
    path.write_bytes(whole)
    file = read_gguf(path)
    assert file.metadata["llama.block_count"] == 3
    assert file.metadata["llama.attention.layer_norm_rms_epsilon"] == pytest.approx(2e-5, rel=1e-7)
    assert file.metadata["tokenizer.ggml.merges"] == ["a b"]
    assert file.values("token_embd.weight").shape == (258, 32)


def test_arrays_have_one_limit_together(tmp_path, monkeypatch):
    monkeypatch.setattr(format_module, "_LIMIT", 10)
    arrays = [text(key) + struct.pack("<IIQ", ARRAY, 0, 5) + bytes(5) for key in "abc"]
    path = tmp_path / "own.gguf"
    path.write_bytes(header(0, 2) + b"".join(arrays[:2]) + ROOM)
    assert read_gguf(path).metadata == {"a": [0] * 5, "b": [0] * 5}
    path.write_bytes(header(0, 3) + b"".join(arrays) + ROOM)
    with pytest.raises(GGUFError, match="a count of 15"):
        read_gguf(path)
