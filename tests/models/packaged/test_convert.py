"""Conversion, on tiny GGUF files: what it writes, and the files and disks it refuses."""

import json
from logging import Handler, LogRecord
from pathlib import Path

import pytest
import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from support.ggufs import VOCAB, folders, refused, write_gguf
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from stability.models.packaged.cache import ensure, ensure_gguf

pytestmark = pytest.mark.slow

pytest_plugins = ["support.packages"]


@pytest.mark.parametrize("tied", [True, False])
def test_the_converted_model_holds_the_tensors_of_the_gguf(tmp_path, model_cache, tied):
    path = tmp_path / "own.gguf"
    tensors = write_gguf(path, tied=tied)
    folder = ensure_gguf(path)
    with safe_open(folder / "model.safetensors", "pt") as weights:
        assert ("lm_head.weight" in set(weights.keys())) is not tied
    assert "quantization_config" not in json.loads((folder / "config.json").read_text())
    model = AutoModelForCausalLM.from_pretrained(folder)
    embedding = torch.from_numpy(tensors["token_embd"])
    readout = embedding if tied else torch.from_numpy(tensors["output"])
    assert model.dtype == torch.float32
    assert torch.equal(model.get_input_embeddings().weight, embedding)
    assert torch.equal(model.get_output_embeddings().weight, readout)
    down = torch.from_numpy(tensors["blk.1.ffn_down"])
    assert torch.equal(model.model.layers[1].mlp.down_proj.weight, down)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer("cab", add_special_tokens=False).input_ids
    assert tokenizer.convert_ids_to_tokens(ids) == ["c", "ab"]


def test_transformers_is_silent_and_its_switches_are_restored(model_cache, gguf_file, capfd):
    records: list[LogRecord] = []
    handler = Handler()
    handler.emit = records.append  # type: ignore[assignment, method-assign]
    logging.add_handler(handler)
    logging.set_verbosity_info()
    logging.enable_progress_bar()
    try:
        ensure_gguf(gguf_file)
        assert logging.get_verbosity() == logging.INFO
        assert logging.is_progress_bar_enabled()
    finally:
        logging.set_verbosity_warning()
        logging.remove_handler(handler)
    assert capfd.readouterr() == ("", "")
    # messages on saving show that the handler is attached; those on reading are silenced
    assert records
    assert all("saved" in record.getMessage() for record in records)


def test_a_disk_that_fills_while_writing_is_named_and_the_next_start_recovers(
    tiny, model_cache, monkeypatch
):
    def full(weights: dict, path: Path, metadata: dict) -> None:
        path.write_bytes(b"half of the weights")
        # The text of safetensors 0.8 on a full file system.
        raise SafetensorError(
            "Error while serializing: I/O error: No space left on device (os error 28)"
        )

    with monkeypatch.context() as disk:
        disk.setattr(safetensors.torch, "save_file", full)
        refused(lambda: ensure("tiny"), "123 MB", str(model_cache), "STABILITY_CACHE")
    assert folders(model_cache) == set()
    assert ensure("tiny").name == "tiny"


def test_weights_that_read_back_differently_are_refused(tiny, model_cache, monkeypatch):
    save = safetensors.torch.save_file

    def damaged(weights: dict, path: Path, metadata: dict) -> None:
        first = next(iter(weights))
        save(weights | {first: weights[first] + 1}, path, metadata)

    monkeypatch.setattr(safetensors.torch, "save_file", damaged)
    refused(lambda: ensure("tiny"), "must read back as written")
    assert folders(model_cache) == set()


def garbage(path: Path) -> None:
    path.write_text("not a model")


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def incomplete(path: Path) -> None:
    write_gguf(path, without="blk.1.ffn_down")


@pytest.mark.parametrize("damage", [garbage, truncated, incomplete])
def test_an_unreadable_gguf_is_refused(model_cache, gguf_file, damage):
    damage(gguf_file)
    error = refused(lambda: ensure_gguf(gguf_file), "own.gguf must be a GGUF", "check the file")
    assert error.__cause__ is not None
    assert folders(model_cache) == set()
    assert gguf_file.exists()


def test_files_beside_the_gguf_are_not_read(model_cache, gguf_file):
    for name in ("config.json", "tokenizer_config.json", "tokenizer.json"):
        (gguf_file.parent / name).write_text("not even JSON")
    assert AutoModelForCausalLM.from_pretrained(ensure_gguf(gguf_file)).config.vocab_size == VOCAB
