"""Examined by their headers, models have the sizes of their files, and nothing hangs or is raw."""

import json
import os
import shutil
import sys
import tracemalloc

import gguf
import pytest
import torch
from safetensors.torch import save_file
from support.ggufs import refused, write_gguf
from support.models import FAMILIES, random_model, save_model

from stability.models import examination
from stability.models.examination import examine
from stability.models.hub import HubSilentError
from stability.models.model_name import parse_name


def examined(path):
    return examine(parse_name(str(path)))


@pytest.fixture
def folder(tmp_path):
    return save_model(tmp_path / "tiny", FAMILIES["llama"]())


def test_a_folder_has_the_parameters_of_its_model(folder):
    found = examined(folder)
    model = random_model(FAMILIES["llama"]())
    assert found.weights.parameters == sum(weight.numel() for weight in model.parameters())
    assert found.weights.unembedding == model.get_output_embeddings().weight.numel()
    assert (found.title, found.to_fetch, found.is_converted) == ("tiny", 0, False)


def test_half_precision_has_as_many_weights(tmp_path, folder):
    half = save_model(tmp_path / "half", FAMILIES["llama"](), edit=lambda model: model.bfloat16())
    assert examined(half).weights == examined(folder).weights


def test_shards_count_together(tmp_path, folder):
    sharded = tmp_path / "sharded"
    random_model(FAMILIES["llama"]()).save_pretrained(sharded, max_shard_size="50KB")
    shards = sorted(sharded.glob("*.safetensors"))
    assert len(shards) > 1
    assert examined(sharded).weights == examined(folder).weights


def test_a_gguf_has_the_weights_of_its_tensors(tmp_path):
    tensors = write_gguf(tmp_path / "own.gguf")
    found = examined(tmp_path / "own.gguf")
    assert found.weights.parameters == sum(tensor.size for tensor in tensors.values())
    assert found.weights.unembedding == tensors["token_embd"].size
    assert (found.title, found.licence, found.is_converted) == ("own.gguf", "unknown", True)


@pytest.mark.parametrize(
    ("readme", "licence"),
    [
        (None, "unknown"),
        ("no header", "unknown"),
        ("---\nlicense: mit\n---\n", "mit"),
        ("---\n: : [\n---\n", "unknown"),
        ("---\n- a list\n---\n", "unknown"),
    ],
)
def test_a_folders_licence_is_that_of_its_card(folder, readme, licence):
    if readme is not None:
        (folder / "README.md").write_text(readme)
    assert examined(folder).licence == licence


def adapter(folder, base):
    folder.mkdir()
    save_file({"lora_A.weight": torch.zeros(2, 2)}, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(base)}))
    return folder


def test_an_adapter_asks_for_what_its_base_does(tmp_path, folder):
    found = examined(adapter(tmp_path / "lora", folder))
    assert found.weights == examined(folder).weights
    assert found.title == "lora on tiny"


def test_an_adapter_that_is_its_own_base_is_refused(tmp_path):
    path = adapter(tmp_path / "lora", tmp_path / "lora")
    refused(lambda: examined(path), "base of an adapter must be a whole model")


def without_weights(folder):
    (folder / "model.safetensors").unlink()


def with_a_pickle_alone(folder):
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def damaged(folder):
    (folder / "model.safetensors").write_bytes(b"\xff" * 1000)


def cut_short(folder):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])


def with_an_index(weight_map):
    def edit(folder):
        without_weights(folder)
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))

    return edit


def nested_too_deep(folder):
    without_weights(folder)
    (folder / "model.safetensors.index.json").write_text("[" * 100_000)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (without_weights, "has no model.safetensors"),
        (with_a_pickle_alone, "a pickle, which could run code"),
        (damaged, "Reading the weights of"),
        (cut_short, "Reading the weights of"),
        (with_an_index({"a": "missing.safetensors"}), "lacks 'missing.safetensors'"),
        (with_an_index({}), "has no model.safetensors"),
        (nested_too_deep, "Reading model.safetensors.index.json of"),
    ],
)
def test_a_folder_that_is_no_whole_model_is_one_sentence(folder, edit, words):
    edit(folder)
    refused(lambda: examined(folder), words)


@pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has neither devices nor pipes in folders"
)
def test_devices_and_pipes_are_never_opened(tmp_path, folder):
    os.mkfifo(tmp_path / "pipe.gguf")
    refused(lambda: examined(tmp_path / "pipe.gguf"), "is neither")
    (tmp_path / "zero.gguf").symlink_to("/dev/zero")
    refused(lambda: examined(tmp_path / "zero.gguf"), "is neither")
    os.mkfifo(folder / "README.md")
    refused(lambda: examined(folder), "must be regular files; 'README.md'")


@pytest.mark.parametrize("content", [b"", b"GGUF", b"GGUF" + b"\xff" * 100, os.urandom(4096)])
def test_a_damaged_gguf_is_one_sentence(tmp_path, content):
    path = tmp_path / "own.gguf"
    path.write_bytes(content)
    refused(lambda: examined(path), "Reading the header of 'own.gguf'")


@pytest.mark.parametrize("name", ["/nowhere/at all", "/dev/zero", "~nobody/x", "./nothing.gguf"])
def test_a_path_to_no_model_is_one_sentence(name):
    refused(lambda: examined(name), "A local model must be")


@pytest.mark.parametrize("name", ["own.GGUF", "own.GgUf"])
def test_the_case_of_an_ending_does_not_matter(tmp_path, name):
    write_gguf(tmp_path / name)
    assert examined(tmp_path / name).is_converted


def test_long_metadata_take_no_more_memory_than_a_list_of_them(tmp_path):
    writer = gguf.GGUFWriter(tmp_path / "long.gguf", "llama")
    count = 100_000
    writer.add_array("long", [7] * count)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    tracemalloc.start()
    try:
        examined(tmp_path / "long.gguf")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # 4 bytes of the file, 8 each in a tuple and in a list, and what reads any file
    assert most < 20 * count + 2_000_000


def test_a_folder_without_its_configuration_is_refused(folder):
    (folder / "config.json").unlink()
    refused(lambda: examined(folder), "has no config.json")


def test_weights_beside_an_adapter_without_their_configuration_are_refused(tmp_path, folder):
    path = adapter(tmp_path / "lora", folder)
    shutil.copy(folder / "model.safetensors", path)
    refused(lambda: examined(path), "has model.safetensors and no config.json")


def test_an_adapter_of_an_adapter_is_refused(tmp_path, folder):
    first = adapter(tmp_path / "first", folder)
    refused(lambda: examined(adapter(tmp_path / "second", first)), "is an adapter: merge it")


def test_an_adapter_without_weights_is_refused(tmp_path, folder):
    path = adapter(tmp_path / "lora", folder)
    (path / "adapter_model.safetensors").unlink()
    refused(lambda: examined(path), "has no adapter_model.safetensors")


def test_an_adapter_in_the_cache_of_the_hub_leads_to_no_path(tmp_path, folder, monkeypatch):
    def silent(name):
        raise HubSilentError("silent")

    cached = adapter(tmp_path / "commit", folder)
    monkeypatch.setattr(examination, "examine_on_hub", silent)
    monkeypatch.setattr(examination, "cached_snapshot", lambda name: cached)
    refused(lambda: examined("owner/lora"), "from the hub must name a base on the hub")
