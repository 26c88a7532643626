"""Uploaded models: only known files, in a folder that goes with the session."""

import gc
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.ggufs import refused

from stability.ui import uploads

FOLDER = [(name, name.encode()) for name in ("model.safetensors", "config.json", "tokenizer.json")]


class Session(dict):
    """A session's state, whose entries are attributes too."""

    __getattr__ = dict.__getitem__
    __setattr__ = dict.__setitem__


@pytest.fixture
def session(monkeypatch):
    state = Session()
    monkeypatch.setattr(uploads, "st", SimpleNamespace(session_state=state))
    return state


def test_a_folder_is_written_as_it_was_sent(session):
    folder = Path(uploads.save(FOLDER))
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == dict(FOLDER)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("own.gguf", "own.gguf"),
        ("../../x y\n.gguf", "x_y_.gguf"),
        ("a" * 300 + ".gguf", "a" * 95 + ".gguf"),
    ],
)
def test_a_gguf_keeps_of_its_name_what_every_file_system_takes(session, name, written):
    path = Path(uploads.save([(name, b"GGUF")]))
    assert (path.name, path.read_bytes()) == (written, b"GGUF")
    assert session.uploads.path in path.parents


@pytest.mark.parametrize(
    "names",
    [
        (),
        ("model.safetensors",),
        ("config.json", "tokenizer.json"),
        ("a.gguf", "b.gguf"),
        ("model.safetensors", "config.json", "code.py"),
        # these name other files, of the server perhaps
        ("model.safetensors", "config.json", "model.safetensors.index.json"),
        ("adapter_model.safetensors", "adapter_config.json"),
    ],
)
def test_other_files_are_refused_in_one_sentence_and_not_written(session, names):
    refused(lambda: uploads.save([(name, b"x") for name in names]), "Upload one .gguf file")
    assert "uploads" not in session


def test_a_name_with_folders_is_written_beside_the_others(session):
    folder = Path(uploads.save([("../../" + name, content) for name, content in FOLDER]))
    assert {file.name for file in folder.iterdir()} == {name for name, _ in FOLDER}


def test_uploads_go_with_their_session(session):
    path = uploads.save(FOLDER)
    root = session.uploads.path
    assert uploads.is_upload(path)
    assert not uploads.is_upload(str(root.parent))
    session.clear()
    gc.collect()
    assert not root.exists()
    assert not uploads.is_upload(path)
