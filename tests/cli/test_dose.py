"""`dose` on the command line: one JSON object or a table, and refusals of one line."""

import json

import numpy as np
import pytest
from support.cli import refusal
from support.models import FAMILIES, WIDTH, save_model
from support.steering import random_vector
from support.vector_files import control_vector, npy

from stability.cli import main

PROMPT = "the cat sat"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(save_model(tmp_path_factory.mktemp("tiny"), FAMILIES["llama"]()))


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    v = random_vector(WIDTH, length=3.0).astype(np.float32)
    control_vector(tmp_path / "two.gguf", {0: v, 1: v})
    (tmp_path / "plain.npy").write_bytes(npy(v))
    (tmp_path / "narrow.npy").write_bytes(npy(v[1:]))
    (tmp_path / "prompts.jsonl").write_text('{"text": "the cat sat"}\n{"text": "a dog ran"}\n')
    (tmp_path / "bad.jsonl").write_text('{"text": "the cat sat"}\n{"id": 3}\n')


@pytest.mark.usefixtures("files")
def test_json_is_the_contracts_one_object(folder, capsys):
    main(["dose", "two.gguf", "--model", folder, "--site", "layers.1", "--prompt", PROMPT, "--json",
          "--epsilon", "0.1"])  # fmt: skip
    out, err = capsys.readouterr()
    report = json.loads(out)
    assert [*report] == ["model", "vector", "positions", "prompts", "budgets"]
    assert report["model"]["name"] == folder
    assert report["vector"] == {
        "file": "two.gguf",
        "format": "GGUF control vector (repeng, llama.cpp)",
        "site": "block:1",
        "mode": "add",
        "norm": pytest.approx(3.0, rel=1e-6),
    }
    assert report["positions"] == "all"
    [prompt] = report["prompts"]
    assert [*prompt] == ["prompt", "tokens", "prices"]
    prices, last = prompt["prices"], prompt["tokens"][-1]["doses"][0]
    for side in ("minus", "plus"):
        assert [*prices[side][0]] == ["coefficient", "nats", "id", "text"]
        costs = [price["nats"] for price in prices[side]]
        assert costs == sorted(costs)
        first = prices["first"][side]
        assert (first and first["coefficient"]) == last["flip"][side]
    assert "".join(token["text"] for token in prompt["tokens"]) == PROMPT
    assert {row["epsilon"] for row in report["budgets"]} == {0.1}
    assert "llama.cpp's own generator" in err


@pytest.mark.usefixtures("files")
def test_a_table_says_what_is_applied_and_where(folder, capsys):
    main(["dose", "plain.npy", "--model", folder, "--site", "block:0", "--prompts", "prompts.jsonl",
          "--mode", "project", "--positions", "last", "--epsilon", "0.1", "1"])  # fmt: skip
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("applied    project at block:0, positions last; length 3")
    assert [line.split()[1] for line in lines[5:11]] == ["last", "mean", "p95"] * 2
    assert "'a dog ran'" in lines
    assert max(map(len, lines)) <= 80


@pytest.mark.usefixtures("files")
def test_the_layers_are_another_key_and_lines_of_the_table(folder, capsys):
    command = ["dose", "plain.npy", "--model", folder, "--site", "block:0", "--prompt", PROMPT]
    command += ["--epsilon", "0.1", "1", "--layers"]
    main([*command, "--json"])
    report = json.loads(capsys.readouterr().out)
    assert [layer["site"] for layer in report["layers"]] == ["block:0", "block:1"]
    expected = [row["predicted"] for row in report["budgets"]]
    received = [dose["predicted"] for dose in report["layers"][0]["doses"]]
    # two orders of the same float32 sums
    assert received == pytest.approx(expected, rel=1e-4)
    main(command)
    lines = capsys.readouterr().out.splitlines()
    mean = report["layers"][1]["doses"][1]["predicted"]
    [row] = [line for line in lines if line.split()[:1] == ["block:1"]]
    assert row.split()[1] == f"{mean:.3g}"
    assert max(map(len, lines)) <= 80


PLAIN = ["plain.npy", "--prompt", PROMPT, "--site", "block:0"]
BAD = {
    "no prompt": (["two.gguf"], "one of the arguments --prompt --prompts is required"),
    "no site": (["plain.npy", "--prompt", PROMPT], "needs a site; 'plain.npy' (.npy) does not say"),
    "another site": (
        ["two.gguf", "--prompt", PROMPT, "--site", "prelogit"],
        "has block:0, block:1, and not prelogit",
    ),
    "no such site": ([*PLAIN[:3], "--site", "block:7"], "A site must be prelogit, final or block"),
    "width": (["narrow.npy", *PLAIN[1:]], f"{WIDTH} at block:0 of"),
    "positions": ([*PLAIN, "--positions", "first"], "must be all, last, or indices with commas"),
    "position": ([*PLAIN, "--positions", "0,99"], "received 99"),
    "mode": ([*PLAIN, "--mode", "rotate"], "invalid choice: 'rotate'"),
    "epsilon": ([*PLAIN, "--epsilon", "0"], "positive number of nats"),
    "absent": (["absent.npy", *PLAIN[1:]], "'absent.npy' is not (No such file"),
    "rows": (["plain.npy", "--prompts", "bad.jsonl", "--site", "block:0"], "row 1 of 'bad.jsonl'"),
}


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("arguments", "words"), BAD.values(), ids=BAD)
def test_bad_input_is_one_line_on_standard_error_and_status_2(arguments, words, folder, capsys):
    assert words in refusal(["dose", *arguments, "--model", folder], capsys)


# --- check-vector ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("files")
def test_a_card_is_printed_and_a_copy_is_written(folder, capsys, tmp_path):
    main(["check-vector", "two.gguf", "--model", folder, "--site", "block:1", "--prompt", PROMPT,
          "--epsilon", "0.1", "--write", "out.gguf"])  # fmt: skip
    card = capsys.readouterr().out
    assert card.startswith("### Dose of `two.gguf`\n")
    assert "| 0.1 | mean |" in card
    assert (tmp_path / "out.gguf").exists()


@pytest.mark.usefixtures("files")
def test_a_check_as_json_is_one_object(folder, capsys):
    main(["check-vector", "plain.npy", "--model", folder, "--site", "block:0", "--prompt", PROMPT,
          "--epsilon", "0.1", "--json"])  # fmt: skip
    report = json.loads(capsys.readouterr().out)
    assert report["holds"] is True
    assert [*report] == ["holds", "findings", "warnings", "budgets"]
