"""`check` on the command line: a table or JSON, and an exit status that says whether all holds."""

import json

import pytest
from support.families import FAMILIES as MANY
from support.models import FAMILIES, save_model

from stability.cli import main
from stability.models import state_comparisons


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(save_model(tmp_path_factory.mktemp("tiny"), FAMILIES["llama"]()))


def test_a_table_says_what_was_compared_and_that_it_holds(folder, capsys):
    main(["check", folder])
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith(f"{folder} (local), float32, checked on a text of 24 tokens")
    assert out[-1] == "everything holds"
    assert any(line.startswith("reported") and "bfloat16" in line for line in out)


def test_json_is_one_object(folder, capsys):
    main(["check", folder, "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["holds"] is True
    assert report["model"]["name"] == folder


def test_sites_that_are_refused_for_one_reason_share_a_line(tmp_path, capsys):
    main(["check", str(save_model(tmp_path, MANY["xlm"]()))])
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("refused")]
    assert "final, block:1, block:0: Sites below" in line


def test_the_exit_status_says_that_something_does_not_hold(folder, capsys, monkeypatch):
    monkeypatch.setattr(state_comparisons, "SAME_PREDICTION", -1.0)
    with pytest.raises(SystemExit) as left:
        main(["check", folder])
    assert left.value.code == 1
    out = capsys.readouterr().out
    assert "FAILS" in out
    assert out.splitlines()[-1].startswith("NOT TO BE TRUSTED")
