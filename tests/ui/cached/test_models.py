"""Models on the server: loaded one at a time if they fit, and let go with all that they took."""

import threading
import weakref

import psutil
import pytest
from support.app import opened
from support.ggufs import folders, refused, write_gguf
from support.models import FAMILIES, save_model

from stability.models import memory
from stability.models.progress import silent
from stability.ui import uploads
from stability.ui.cached import models
from stability.ui.cached.background import Jobs
from stability.ui.cached.states import StateKey

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """A server without models."""
    monkeypatch.setattr(models, "_models", Jobs(max_entries=99, at_once=4))
    monkeypatch.setattr(models, "_holds", weakref.WeakSet())


@pytest.fixture
def folder(tmp_path):
    return str(save_model(tmp_path / "tiny", FAMILIES["llama"]()))


def test_memory_is_checked_again_when_a_model_is_about_to_be_loaded(folder, monkeypatch):
    monkeypatch.setattr(memory, "memory_at_hand", lambda: 1000)
    refused(lambda: models._load(folder, silent), "tiny in float32 needs about 201 MB")


def test_two_models_are_not_loaded_at_once(folder, monkeypatch):
    inside, most = 0, 0
    lock = threading.Lock()

    def load(*_):
        nonlocal inside, most
        with lock:
            inside, most = inside + 1, max(most, inside + 1)
        threading.Event().wait(0.05)
        with lock:
            inside -= 1

    monkeypatch.setattr("stability.models.loading.load", load)
    jobs = [models.start_loading(f"{folder} in {dtype}") for dtype in ("float16", "bfloat16")]
    for job in [*jobs, models.start_loading(folder)]:
        job.future.result(20)
    assert most == 1


def test_an_uploaded_gguf_is_converted_beside_itself_and_not_into_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("STABILITY_CACHE", str(tmp_path / "cache"))
    write_gguf(tmp_path / "own.gguf")
    root = (tmp_path / "uploads").resolve()
    root.mkdir()
    monkeypatch.setattr(uploads, "_folders", {root})
    monkeypatch.setattr(uploads, "_session_folder", lambda: root)
    path = uploads.save([("own.GGUF", (tmp_path / "own.gguf").read_bytes())])
    lm = models._load(path, silent)
    assert lm.card.n_layers == 2
    assert not (tmp_path / "cache").exists() or folders(tmp_path / "cache") == set()
    assert (root / path).with_suffix("").is_dir()


def test_results_of_a_model_are_told_by_their_keys():
    here = StateKey("a", "prompt", 0)
    for key in ("a", ("a", "prompt"), here, (here, 0.1), (0.1, ("x", here))):
        assert models._is_of({"a"}, key)
        assert not models._is_of({"b"}, key)


def test_memory_falls_back_when_a_model_is_let_go(smollm2_folder, folder):
    """In half precision, so that no weight is a page of a file, which the system could drop itself."""
    weights = 2 * 134_515_008 + 4 * 49_152 * 576
    process, large = psutil.Process(), "smollm2-135m in bfloat16"
    for _ in range(2):
        page = opened(model=large)
        assert not page.exception
        module = weakref.ref(models.loaded(large).model)
        taken = process.memory_info().rss
        page.session_state["model"] = folder
        page.run()
        models.let_go()
        assert module() is None
        # free crumbs between what is kept stay with the allocator: up to a third, as measured
        assert process.memory_info().rss < taken - 0.6 * weights


def test_sessions_begin_while_others_are_listed():
    kept, ended = [], threading.Event()

    def begin():
        while not ended.is_set():
            hold = models.Hold(model="a")
            with models._HOLDING:
                models._holds.add(hold)
            kept.append(hold)

    beginner = threading.Thread(target=begin)
    beginner.start()
    try:
        counts = [models._held()["a"] for _ in range(200)]
    finally:
        ended.set()
        beginner.join()
    assert counts == sorted(counts)
