"""The files of a folder, refused before anything reads them."""

import json
import os
import re
import shutil

import pytest
from safetensors.torch import load_file, save_file

from stability.errors import StabilityError
from stability.models import load
from stability.models.folder import (
    LONGEST_TEXT,
    read_json,
    require_causal_model,
    require_files,
)


def shard(folder, weights):
    """Write weights in two files and an index, as transformers does with large models."""
    names = sorted(weights)
    halves = names[: len(names) // 2], names[len(names) // 2 :]
    files = [f"model-0000{part}-of-00002.safetensors" for part in (1, 2)]
    for file, half in zip(files, halves, strict=True):
        save_file({name: weights[name] for name in half}, folder / file, metadata={"format": "pt"})
    shards = {name: file for file, half in zip(files, halves, strict=True) for name in half}
    index = {"metadata": {}, "weight_map": shards}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return files


def test_weights_in_several_files_are_read(folder):
    expected = load(str(folder), device="cpu")
    shard(folder, load_file(folder / "model.safetensors"))
    (folder / "model.safetensors").unlink()
    lm = load(str(folder), device="cpu")
    assert lm.capture("a cat").vector.equal(expected.capture("a cat").vector)


def test_a_lost_part_of_the_weights_is_named(folder):
    _, second = shard(folder, load_file(folder / "model.safetensors"))
    (folder / "model.safetensors").unlink()
    (folder / second).unlink()
    with pytest.raises(StabilityError, match=f"lacks '{second}': get a complete copy"):
        load(str(folder))


def test_two_sets_of_weights_are_refused(folder):
    shard(folder, load_file(folder / "model.safetensors"))
    with pytest.raises(StabilityError, match="must have one set of weights"):
        load(str(folder))


@pytest.mark.parametrize("index", ["{", "[]", "{}", '{"weight_map": {"a": 1}}'])
def test_an_index_that_is_none_is_refused(folder, index):
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(index)
    with pytest.raises(StabilityError, match=r"model\.safetensors\.index\.json"):
        load(str(folder))


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.999])
def test_truncated_weights_are_refused(folder, kept):
    path = folder / "model.safetensors"
    os.truncate(path, int(kept * path.stat().st_size))
    with pytest.raises(StabilityError, match=r"Reading the weights of .*: get a clean copy"):
        load(str(folder))


@pytest.mark.parametrize("content", ["{", "[]", "null", "7", '{"a": ' + "9" * 5000 + "}"])
def test_a_config_that_is_no_object_is_refused(folder, content):
    (folder / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(StabilityError, match=r"config\.json.*get a clean copy") as caught:
        load(str(folder))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    "architecture", ["BertForMaskedLM", "T5ForConditionalGeneration", "LlamaModel"]
)
def test_what_predicts_no_next_token_is_refused_by_name(folder, set_config, architecture):
    set_config(architectures=[architecture])
    with pytest.raises(StabilityError, match=f"is a {architecture}, which does not"):
        load(str(folder))


@pytest.mark.parametrize("architectures", [1, True, {"a": 1}, "LlamaForCausalLM"])
def test_architectures_that_are_no_list_are_refused(folder, set_config, architectures):
    set_config(architectures=architectures)
    with pytest.raises(StabilityError, match="must list the model's architectures"):
        load(str(folder))


def test_a_folder_that_names_no_architecture_is_read(folder, set_config):
    set_config(architectures=None)
    assert load(str(folder), device="cpu").card.n_layers == 2


@pytest.mark.parametrize("layers", [1000, 10**9, 10**400])
def test_more_blocks_than_tensors_are_not_even_built(folder, set_config, layers):
    for settings in ({"num_hidden_layers": layers}, {"text_config": {"n_layer": layers}}):
        set_config(**settings)
        with pytest.raises(StabilityError, match="A block has weights"):
            require_causal_model(folder, "mine")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_pipe_is_not_waited_for(folder, name):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(StabilityError, match=f"regular files; '{re.escape(name)}'"):
        load(str(folder))


def test_a_link_to_a_file_is_a_file(folder, tmp_path):
    shutil.move(folder / "config.json", tmp_path / "elsewhere")
    (folder / "config.json").symlink_to(tmp_path / "elsewhere")
    require_files(folder, "mine")
    require_causal_model(folder, "mine")


def test_a_folder_without_weights_is_refused(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(StabilityError, match=r"has no model\.safetensors"):
        load(str(folder))


@pytest.mark.parametrize(
    "part", ["{outside}", "../tiny/../outside.safetensors", "sub/w.safetensors"]
)
def test_a_part_of_the_weights_lies_in_the_folder_itself(folder, tmp_path, part):
    outside = tmp_path / "outside.safetensors"
    shutil.move(folder / "model.safetensors", outside)
    (folder / "sub").mkdir()
    shutil.copy(outside, folder / "sub" / "w.safetensors")
    index = {"weight_map": {"a": part.format(outside=outside)}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(StabilityError, match=r"must be present in its folder; .* lacks"):
        require_causal_model(folder, "mine")


def test_an_endless_description_is_not_read(folder):
    os.truncate(folder / "config.json", LONGEST_TEXT + 1)
    with pytest.raises(StabilityError, match=r"config\.json must have at most 50,000,000 bytes"):
        read_json(folder / "config.json", "mine")
