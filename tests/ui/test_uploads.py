"""Uploaded models: only known files, in a folder that goes with the session."""

import gc
import os
import subprocess
import sys
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.runtime.caching import cache_resource_api
from support.ggufs import refused
from support.paths import ROOT

from stability.ui import uploads
from stability.ui.cached.keyed import forget_results

COUNT = count()
FOLDER = [(name, name.encode()) for name in ("model.safetensors", "config.json", "tokenizer.json")]


@pytest.fixture
def session(monkeypatch):
    """What Streamlit does for a session: begin with its name, and end it."""
    ids = [f"session {next(COUNT)}"]
    monkeypatch.setattr(cache_resource_api, "get_session_id_or_throw", lambda: ids[-1])
    yield SimpleNamespace(begin=ids.append, end=cache_resource_api.clear_session_cache, ids=ids)
    for name in ids:
        cache_resource_api.clear_session_cache(name)


def test_a_folder_is_written_as_it_was_sent(session):
    folder = Path(uploads.save(FOLDER))
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == dict(FOLDER)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("own.gguf", "own.gguf"),
        ("OWN.GGUF", "OWN.GGUF"),
        ("...gguf", "_..gguf"),
        ("../../x y\n.gguf", "x_y_.gguf"),
        ("a" * 300 + ".gguf", "a" * 95 + ".gguf"),
    ],
)
def test_a_gguf_keeps_of_its_name_what_every_file_system_takes(session, name, written):
    path = Path(uploads.save([(name, b"GGUF")]))
    assert (path.name, path.read_bytes()) == (written, b"GGUF")
    assert uploads.upload_at(path) == path


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
    known = set(uploads._folders)
    refused(lambda: uploads.save([(name, b"x") for name in names]), "Upload one .gguf file")
    assert uploads._folders == known


def test_a_name_with_folders_is_written_beside_the_others(session):
    folder = Path(uploads.save([("../../" + name, content) for name, content in FOLDER]))
    assert {file.name for file in folder.iterdir()} == {name for name, _ in FOLDER}


def test_uploads_go_with_their_session(session):
    path = Path(uploads.save(FOLDER))
    assert uploads.upload_at(path) == path
    session.begin("another")
    other = Path(uploads.save(FOLDER))
    # what holds on to a session must not matter
    gc.freeze()
    try:
        session.end(session.ids[0])
    finally:
        gc.unfreeze()
    assert not path.parent.exists()
    assert other.exists()


def test_a_session_keeps_one_model(session):
    first, second = uploads.save(FOLDER), uploads.save([("own.gguf", b"GGUF")])
    assert not Path(first).exists()
    assert Path(second).exists()
    refused(lambda: uploads.save([]), "Upload one .gguf file")
    assert Path(second).exists()


def test_other_results_that_are_forgotten_leave_uploads_alone(session):
    path = Path(uploads.save(FOLDER))
    forget_results()
    assert path.exists()


@pytest.mark.parametrize(
    "detour",
    [
        "{folder}/../../../private",
        "{folder}/../../../{name}-other/model",
        "{folder}/..",
        "{folder}/../",
        "{folder}/../../..",
        "{upper}",
        "{outside}/link",
        "{outside}",
        "/",
        "",
        "~",
        "org/name",
    ],
)
def test_no_way_around_leads_from_an_upload_to_anything_else(session, tmp_path, detour):
    folder = Path(uploads.save(FOLDER))
    (tmp_path / "link").symlink_to(folder)
    names = {"folder": folder, "name": folder.parent.name, "outside": tmp_path}
    path = detour.format(**names, upper=str(folder).upper())
    assert uploads.upload_at(path) is None


def test_a_link_inside_an_upload_leads_nowhere_else(session, tmp_path):
    folder = Path(uploads.save(FOLDER))
    (folder / "link").symlink_to(tmp_path)
    assert uploads.upload_at(folder / "link") is None
    assert uploads.upload_at(folder / "link" / "x") is None


@pytest.mark.parametrize("way", ["{}/", "{}/.", "{}//", "{}/../{name}", "/..{}"])
def test_a_way_to_an_upload_is_replaced_by_its_path(session, way):
    folder = Path(uploads.save(FOLDER))
    assert uploads.upload_at(way.format(folder, name=folder.name)) == folder


def test_no_other_path_is_looked_at(session, monkeypatch):
    uploads.save(FOLDER)
    monkeypatch.setattr(os.path, "realpath", lambda path: pytest.fail("it was looked at"))
    assert uploads.upload_at("/net/elsewhere/model") is None


def test_uploads_go_with_the_server(tmp_path):
    script = """
from streamlit.runtime.caching import cache_resource_api
from stability.ui import uploads
cache_resource_api.get_session_id_or_throw = lambda: "one"
uploads.save([("own.gguf", b"GGUF")])
"""
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, check=True)
    assert not [*tmp_path.glob("stability-uploads-*")]
