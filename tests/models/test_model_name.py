"""What a typed name is; what can be none is refused in one sentence, before anything is read."""

import pytest
from support.ggufs import refused

from stability.models.model_name import LONGEST_PART, ModelName, is_gguf, parse_name

HUB = {
    "gpt2": ("gpt2", None),
    "org/name": ("org/name", None),
    " org/name \n": ("org/name", None),
    "org/name@v1.0": ("org/name", "v1.0"),
    "org/name@refs/pr/1": ("org/name", "refs/pr/1"),
    "name@0123456789abcdef": ("name", "0123456789abcdef"),
}


@pytest.mark.parametrize("typed", HUB)
def test_a_hub_id_may_name_a_revision(typed):
    repository, revision = HUB[typed]
    assert parse_name(typed) == ModelName(typed.strip(), "hub", repository, revision)


def test_a_packaged_name_is_known():
    assert parse_name("smollm2-135m") == ModelName("smollm2-135m", "packaged")


@pytest.mark.parametrize(
    "typed",
    [
        "/etc",
        "./x",
        "../x",
        "..",
        "~/models/x",
        "~nobody",
        "C:\\x",
        "a.gguf",
        "dir/a.GGUF",
        "x.safetensors",
    ],
)
def test_what_looks_like_a_path_is_one(typed):
    assert parse_name(typed).kind == "path"


def test_a_folder_that_is_there_is_a_path_though_it_looks_like_a_hub_id(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert parse_name("org/name").kind == "hub"
    (tmp_path / "org" / "name").mkdir(parents=True)
    assert parse_name("org/name").kind == "path"


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        *(
            (typed, "one line of printable")
            for typed in ("", "  ", "a\nb", "a\0b", "\ud800", "a\u202eb")
        ),
        *(
            (typed, "received the address")
            for typed in ("file:/dev/zero", "http://x/y", "S3://a/b")
        ),
        *((typed, "bytes") for typed in ("é" * 128, "/" + "a" * 256, "/a" * 2048)),
        *(
            (typed, "A revision after @")
            for typed in ("a/b@", "a/b@../c", "a/b@x y", "a/b@-x", "a@é")
        ),
        *(
            (typed, "hub id")
            for typed in ("a/b/c", "a b", "@x", "é/x", "a/../b", "-a", "a--b", "a/b.git")
        ),
    ],
)
def test_what_can_be_no_name_is_refused_in_one_short_sentence(typed, words):
    assert len(str(refused(lambda: parse_name(typed), words))) < 300


def test_names_up_to_the_limit_of_file_systems_are_taken():
    assert parse_name("/" + "a" * LONGEST_PART).kind == "path"


def test_a_gguf_is_told_by_its_ending_in_any_case():
    assert all(map(is_gguf, ("a.gguf", "/x/a.GGUF", "a.b.Gguf")))
    assert not any(map(is_gguf, ("a.gguf.txt", "gguf", ".gguf", "a.gguf/config.json")))


def test_a_path_begins_with_the_users_own_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert parse_name("~/mine").path == tmp_path / "mine"
    assert str(parse_name("~nobody-here/mine").path) == "~nobody-here/mine"
