"""The hub, played by a server here: one that is slow, is silent, hangs up, or is not there."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
import transformers.utils.hub
from huggingface_hub import constants
from support.models import FAMILIES, PROMPT, save_model

from stability.errors import StabilityError
from stability.models import load
from stability.models.hub import hub_answers

pytestmark = pytest.mark.slow

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """Keeps the path of every request, and gives the answer of its server."""

    def do_HEAD(self) -> None:
        self.server.asked.append(self.path)
        self.server.answer(self)

    do_GET = do_HEAD

    def log_message(self, *_) -> None:
        pass


def hangs_up(request: Hub) -> None:
    request.close_connection = True


def finds_nothing(request: Hub) -> None:
    request.send_error(404)


def is_silent(request: Hub) -> None:
    time.sleep(1)


def slowly(answer: Callable[[Hub], None]) -> Callable[[Hub], None]:
    def slow(request: Hub) -> None:
        time.sleep(0.1)
        answer(request)

    return slow


def serves(folder: Path) -> Callable[[Hub], None]:
    """The answers of a hub that holds one model, in the little that its client needs of them."""

    def content(path: str) -> bytes | None:
        if "/tree/" in path:
            return json.dumps(
                [
                    {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": "0"}
                    for file in folder.iterdir()
                ]
            ).encode()
        if path.startswith("/api/"):
            return json.dumps({"id": "owner/tiny", "sha": COMMIT}).encode()
        file = folder / path.rpartition("/")[2]
        return file.read_bytes() if file.is_file() else None

    def answer(request: Hub) -> None:
        body = content(request.path)
        request.send_response(404 if body is None else 200)
        if body is None:
            request.send_header("X-Error-Code", "EntryNotFound")
        request.send_header("X-Repo-Commit", COMMIT)
        request.send_header("ETag", request.path.rpartition("/")[2])
        request.send_header("Content-Length", str(len(body or b"")))
        request.end_headers()
        if request.command == "GET":
            request.wfile.write(body or b"")

    return answer


@pytest.fixture
def hub(monkeypatch, tmp_path) -> Iterator[ThreadingHTTPServer]:
    """A hub with an empty cache, which hangs up until it is given another answer."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        server.asked, server.answer = [], hangs_up
        url = f"http://127.0.0.1:{server.server_port}"
        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, url)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(transformers.utils.hub, "_hf_api", None)  # it keeps its endpoint
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize("answer", [finds_nothing, slowly(finds_nothing)])
def test_a_hub_that_says_anything_answers(hub, answer):
    hub.answer = answer
    assert hub_answers()


@pytest.mark.parametrize("url", [None, "http://127.0.0.1:1", "http://hub.invalid", "no url"])
def test_a_hub_that_cannot_be_reached_does_not(hub, monkeypatch, url):
    monkeypatch.setattr(constants, "ENDPOINT", url or constants.ENDPOINT)
    assert not hub_answers()


def test_a_hub_is_not_asked_in_offline_mode(hub, monkeypatch):
    hub.answer = finds_nothing
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert not hub_answers()
    assert hub.asked == []


def test_silence_is_waited_for_no_longer_than_the_hubs_client_would(hub, monkeypatch):
    def look_up(*arguments, **options):
        time.sleep(3)
        raise socket.gaierror

    hub.answer = is_silent
    monkeypatch.setattr(constants, "HF_HUB_ETAG_TIMEOUT", 0.2)
    start = time.monotonic()
    assert not hub_answers()
    monkeypatch.setattr(constants, "ENDPOINT", "http://hub.invalid")
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert not hub_answers()
    assert 0.4 <= time.monotonic() - start < 2


def test_a_model_is_fetched_from_a_slow_hub_and_then_read_without_it(hub, tmp_path):
    hub.answer = slowly(serves(save_model(tmp_path / "tiny", FAMILIES["llama"]())))
    fetched = load("owner/tiny", device="cpu")
    hub.answer = hangs_up
    hub.asked.clear()
    cached = load("owner/tiny", device="cpu")
    assert hub.asked == ["/"]
    assert fetched.card == cached.card
    assert fetched.card.revision == COMMIT
    assert torch.equal(fetched.capture(PROMPT).logits, cached.capture(PROMPT).logits)


def refuses(status: int, code: str) -> Callable[[Hub], None]:
    """The answer of a hub to whoever asks for a model, with the code that its client reads."""

    def answer(request: Hub) -> None:
        request.send_response(status)
        request.send_header("X-Error-Code", code)
        request.send_header("X-Error-Message", "No.")
        request.send_header("Content-Length", "0")
        request.end_headers()

    return answer


@pytest.mark.parametrize(
    ("name", "answer", "sentence"),
    [
        ("nobody/none", refuses(404, "RepoNotFound"), "the hub has no 'nobody/none' that you may"),
        ("nobody/none", refuses(401, "RepoNotFound"), "set HF_TOKEN if it is private"),
        ("owner/gated", refuses(403, "GatedRepo"), "'owner/gated' is gated: accept its terms"),
        (
            "owner/tiny@v9",
            refuses(404, "RevisionNotFound"),
            "no 'owner/tiny@v9': check what follows",
        ),
        ("owner/tiny", refuses(500, "Oops"), "for 'owner/tiny' it answers HfHubHTTPError"),
        ("owner/tiny", finds_nothing, "for 'owner/tiny' it answers HfHubHTTPError"),
        ("a/b/c", finds_nothing, "'a/b/c' is none of these: check the name"),
        ("http://x/y", finds_nothing, "'http://x/y' is none of these: check the name"),
        ("x" * 300, finds_nothing, "is none of these: check the name"),
    ],
)
def test_each_refusal_of_a_hub_is_one_sentence(hub, name, answer, sentence):
    hub.answer = answer
    with pytest.raises(StabilityError, match=sentence) as caught:
        load(name)
    assert "\n" not in str(caught.value)


def test_a_revision_is_asked_for_and_named(hub, tmp_path):
    hub.answer = serves(save_model(tmp_path / "tiny", FAMILIES["llama"]()))
    assert load("owner/tiny@v1.0", device="cpu").card.revision == COMMIT
    assert any(path.endswith("/revision/v1.0") for path in hub.asked)


def test_neither_code_nor_pickles_are_fetched(hub, tmp_path):
    folder = save_model(tmp_path / "tiny", FAMILIES["llama"]())
    for name in (
        "code.py",
        "pytorch_model.bin",
        "model.fp16.safetensors",
        "consolidated.safetensors",
    ):
        (folder / name).write_bytes(b"never")
    hub.answer = serves(folder)
    load("owner/tiny", device="cpu")
    fetched = {path.rpartition("/")[2] for path in hub.asked}
    assert "model.safetensors" in fetched
    assert not fetched & {"code.py", "pytorch_model.bin", "model.fp16.safetensors"}
    assert "consolidated.safetensors" not in fetched


def test_progress_is_in_bytes_and_never_falls(hub, tmp_path):
    hub.answer = serves(save_model(tmp_path / "tiny", FAMILIES["llama"]()))
    reports = []
    load("owner/tiny", device="cpu", report=lambda *said: reports.append(said))
    fractions = [fraction for _, fraction in reports]
    assert fractions == sorted(fractions)
    assert any(message.startswith("Fetching owner/tiny (") for message, _ in reports)


def test_a_download_that_breaks_off_goes_on_later(hub, tmp_path):
    whole = serves(save_model(tmp_path / "tiny", FAMILIES["llama"]()))

    def breaks_off(request: Hub) -> None:
        if request.command == "GET" and request.path.endswith("model.safetensors"):
            request.send_error(410)
        else:
            whole(request)

    hub.answer = breaks_off
    with pytest.raises(StabilityError, match=r"'owner/tiny' (it answers|was interrupted)"):
        load("owner/tiny", device="cpu")
    hub.answer = hangs_up
    with pytest.raises(StabilityError, match="is not in the hub's cache here"):
        load("owner/tiny", device="cpu")
    hub.answer = whole
    assert load("owner/tiny", device="cpu").card.revision == COMMIT


def test_without_a_hub_an_unknown_name_is_refused_after_one_try(hub):
    messages = []
    with pytest.raises(StabilityError, match=r"'gpt3' is not in .*: check the name, or"):
        load("gpt3", report=lambda message, _: messages.append(message))
    assert messages[0] == "Asking the hub for gpt3"
    assert hub.asked == ["/"]
