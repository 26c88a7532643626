"""A model's files on a hub that a server here plays: what they ask for, and their download."""

import json
import shutil
import threading
from importlib import import_module
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from support.adapters import IDS, write_adapter
from support.ggufs import refused
from support.hub import COMMIT, serving_hub
from support.models import FAMILIES, PROMPT, save_model

from stability.errors import StabilityError
from stability.models import hub as hub_module
from stability.models import load
from stability.models.examination import examine
from stability.models.hub_download import snapshot
from stability.models.model_name import parse_name

pytestmark = [
    pytest.mark.slow,
    # of peft and transformers about each other
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
]

NAME = parse_name("owner/tiny")


@pytest.fixture
def hub(monkeypatch, tmp_path):
    folder = save_model(tmp_path / "tiny", FAMILIES["llama"]())
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model.onnx").write_bytes(bytes(1000))
    (folder / "pytorch_model.bin").write_bytes(bytes(1000))
    with serving_hub(folder) as server:
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, server.url)
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield server


def needed(folder: Path) -> dict[str, int]:
    return {
        file.name: file.stat().st_size
        for file in folder.iterdir()
        if file.suffix in (".json", ".safetensors")
    }


def silent(message, fraction):
    pass


def test_what_a_hub_model_asks_for_is_what_its_files_do(hub):
    found, local = examine(NAME), examine(parse_name(str(hub.folder)))
    assert found.weights == local.weights
    assert (found.title, found.licence) == ("owner/tiny", "apache-2.0")
    assert found.to_fetch == sum(needed(hub.folder).values())


def test_after_the_download_nothing_is_left_to_fetch(hub):
    reports = []
    snapshot(NAME, lambda *report: reports.append(report))
    found = examine(NAME)
    assert found.to_fetch == 0
    size = sum(needed(hub.folder).values()) / 1e6
    assert reports[0] == ("Asking the hub for owner/tiny", 0.0)
    assert reports[-1] == (f"Fetching owner/tiny: {size:.0f} of {size:.0f} MB", 1.0)
    fractions = [fraction for _, fraction in reports]
    assert fractions == sorted(fractions)
    assert not [path for path in hub.asked if path.endswith((".onnx", ".bin"))]


def test_a_download_that_is_stopped_leaves_no_file_and_no_part_of_one(hub, tmp_path):
    def stop(message, fraction):
        if fraction > 0:
            raise StabilityError("It was stopped: start it again.")

    with pytest.raises(StabilityError, match="was stopped"):
        snapshot(NAME, stop)
    blobs = [*Path(constants.HF_HUB_CACHE).rglob("blobs/*")]
    assert blobs == []


def test_a_download_that_breaks_off_is_one_sentence(hub, monkeypatch):
    def breaks(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("huggingface_hub.snapshot_download", breaks)
    refused(
        lambda: snapshot(NAME, silent),
        "was interrupted by OSError",
        "No space left",
        "room on the disk",
    )


def test_without_an_answer_the_copy_on_this_computer_tells(hub):
    snapshot(NAME, silent)
    hub.refusal = (500, None)
    found = examine(NAME)
    assert found.weights == examine(parse_name(str(hub.folder))).weights
    assert (found.title, found.to_fetch) == ("owner/tiny", 0)


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        ((404, "RepoNotFound"), "is not there: check its spelling"),
        ((401, "RepoNotFound"), "is not there: check its spelling"),
        ((404, "RevisionNotFound"), "is not there: check its spelling and revision"),
        ((403, "GatedRepo"), "A gated model needs its owner's permission"),
        ((500, None), "The hub must answer"),
    ],
)
def test_a_refusal_of_the_hub_is_one_sentence(hub, refusal, words):
    hub.refusal = refusal
    for asked in (lambda: examine(NAME), lambda: snapshot(NAME, silent)):
        assert len(str(refused(asked, "owner/tiny", words))) < 500


def test_a_model_of_pickles_alone_is_one_sentence(hub):
    (hub.folder / "model.safetensors").unlink()
    refused(lambda: examine(NAME), "pickles are never read")


def test_silence_is_waited_for_no_longer_than_patience(hub, monkeypatch):
    monkeypatch.setattr(hub_module, "PATIENCE", 0.1)
    stalled = threading.Event()
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", lambda *_, **__: stalled.wait(5))
    refused(lambda: examine(NAME), "must answer within")
    stalled.set()


def test_in_offline_mode_the_hub_is_not_asked(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    refused(lambda: examine(NAME), "OfflineModeIsEnabled")
    assert hub.asked == []


def test_a_model_is_fetched_and_then_read_without_the_hub(hub):
    fetched = load("owner/tiny", device="cpu")
    assert fetched.card.revision == COMMIT
    hub.refusal = (500, None)
    cached = load("owner/tiny", device="cpu")
    assert fetched.card == cached.card
    assert torch.equal(fetched.capture(PROMPT).logits, cached.capture(PROMPT).logits)


def test_a_revision_is_asked_for(hub):
    assert load("owner/tiny@v1.0", device="cpu").card.revision == COMMIT
    assert any("/revision/v1.0" in path for path in hub.asked)


def test_what_is_not_read_is_not_fetched(hub):
    for name in ("code.py", "model.fp16.safetensors", "consolidated.safetensors"):
        (hub.folder / name).write_bytes(b"never")
    load("owner/tiny", device="cpu")
    assert not [path for path in hub.asked if path.endswith((".py", ".fp16.safetensors"))]
    assert not [path for path in hub.asked if path.endswith(("consolidated.safetensors", ".bin"))]


def test_without_the_hub_and_without_a_copy_the_name_and_the_connection_are_to_be_checked(
    hub, monkeypatch
):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:1")
    refused(lambda: load("gpt3"), "The hub must answer; asked for gpt3", "check the name and the")


def test_an_adapter_on_the_hub_is_merged_into_its_base_there(hub, tmp_path, monkeypatch):
    expected = write_adapter(hub.folder, tmp_path / "adapter")
    point_to(tmp_path / "adapter", "owner/tiny")
    fetched = snapshot(NAME, silent)
    adapter = tmp_path / "hub" / COMMIT
    shutil.copytree(tmp_path / "adapter", adapter)

    def folder_of(name, report):
        return adapter if name.text == "owner/adapter" else fetched

    monkeypatch.setattr(import_module("stability.models.locate"), "snapshot", folder_of)
    lm = load("owner/adapter", device="cpu")
    found = lm.readout.logits(lm.prelogits(IDS)[0])
    assert torch.allclose(found, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))
    assert lm.card.revision == f"{COMMIT}, an adapter merged into owner/tiny {COMMIT}"


def test_the_files_of_an_adapter_are_fetched(hub, tmp_path):
    write_adapter(hub.folder, tmp_path / "adapter")
    hub.folder = tmp_path / "adapter"
    folder = snapshot(NAME, silent)
    assert {path.name for path in folder.iterdir()} >= {
        "adapter_config.json",
        "adapter_model.safetensors",
    }


def test_an_adapter_from_the_hub_does_not_reach_into_this_computer(hub, tmp_path):
    write_adapter(hub.folder, tmp_path / "adapter")
    hub.folder = tmp_path / "adapter"
    refused(lambda: load("owner/tiny", device="cpu"), "must name a base on the hub")


def point_to(adapter: Path, base: str) -> None:
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"base_model_name_or_path": base}))
