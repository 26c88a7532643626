"""The models used before: the last eight, in a file that may be damaged or not writable."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from stability.ui import recent_models as recent


@pytest.fixture
def file(tmp_path, monkeypatch):
    path = tmp_path / "data" / "recent_models.json"
    monkeypatch.setattr(recent, "_file", lambda: path)
    return path


def test_the_newest_of_eight_is_first_and_none_is_there_twice(file):
    for number in range(10):
        recent.remember(f"model {number}")
    recent.remember("model 5")
    assert recent.recent_models() == [f"model {n}" for n in (5, 9, 8, 7, 6, 4, 3, 2)]
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_before_the_first_model_there_is_none(file):
    assert recent.recent_models() == []


@pytest.mark.parametrize("content", ["", "{", "{}", '"a"', "[1, null]", "[" * 100_000, "\xff"])
def test_a_damaged_file_is_an_empty_one(file, content):
    file.parent.mkdir()
    file.write_text(content, "latin-1")
    assert recent.recent_models() == []
    recent.remember("a")
    assert recent.recent_models() == ["a"]


def test_without_a_folder_nothing_is_kept_and_nothing_is_raised(file):
    file.parent.write_text("a file where a folder should be")
    recent.remember("a")
    assert recent.recent_models() == []


def test_sessions_that_remember_at_once_lose_none(file):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(recent.remember, "abcdefgh"))
    assert sorted(recent.recent_models()) == [*"abcdefgh"]


def test_a_full_disk_leaves_the_list_as_it_was_and_nothing_beside_it(file, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    recent.remember("a")
    monkeypatch.setattr(recent.os, "replace", full)
    recent.remember("b")
    assert recent.recent_models() == ["a"]
    assert [path.name for path in file.parent.iterdir()] == [file.name]
