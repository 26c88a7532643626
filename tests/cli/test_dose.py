"""`dose` on the command line: one JSON object or a table, and refusals of one line."""

import io
import json

import numpy as np
import pytest
from rich.cells import cell_len
from support.cli import refusal
from support.models import FAMILIES, WIDTH, save_model
from support.steering import random_vector
from support.vector_files import control_vector, npy, npz

import stability
from stability.cli import main
from stability.cli.dose_table import readable
from stability.vector_files import registry

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
    contract = ["model", "vector", "positions", "prompts", "budgets"]
    assert [*report] == [*contract, "limit", "divergence"]
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
    assert [line.split()[1] for line in lines[5:13]] == ["last", "mean", "median", "p95"] * 2
    # of one token that is changed, all statistics are its own
    assert len({tuple(line.split()[2:]) for line in lines[5:9]}) == 1
    assert "mean, median, p95: over the changed tokens alone, from the first position on." in lines
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


WIDE = ["0.0186", "0.0179", "0.0195"]


def table(prompt: str, texts: list[str], doses: int, width: str = "1") -> list[str]:
    """The lines of a report with tokens of given texts, and doses as wide as they come."""
    predicted, minus, plus = (float(f"{number}{width}") for number in WIDE)
    reached = {"minus": "reached", "plus": "reached"}
    dose = {"predicted": predicted, "minus": minus, "plus": plus, "kind": reached}
    epsilons = [10.0**k for k in range(doses)]
    report = {
        "model": {"name": "m" * 100, "revision": "local", "dtype": "float32"},
        "vector": {
            "file": "f" * 70, "format": "a format", "site": "block:0", "mode": "add", "norm": 3.0
        },
        "positions": "all",
        "prompts": [
            {
                "prompt": prompt,
                "tokens": [
                    {"text": text, "doses": [{"epsilon": e, **dose} for e in epsilons]}
                    for text in texts
                ],
                "prices": {"minus": [], "plus": [], "first": {"minus": None, "plus": None}},
            }
        ],
        "budgets": [
            {
                "epsilon": e,
                "statistic": "mean",
                **dose,
                "interval": {"minus": [minus, plus], "plus": [minus, None]},
            }
            for e in epsilons
        ],
        "limit": 12.345,
        "divergence": "KL(original ‖ changed)",
    }  # fmt: skip
    return readable(report).splitlines()


def test_no_number_is_cut_and_nothing_is_cut_in_silence():
    lines = table("a prompt", ["a token of many letters", " 猫"], doses=5)
    assert max(map(cell_len, lines)) <= 80
    assert not [line for line in lines if line.endswith("...")]
    printed = "\n".join(lines)
    # of two tokens, and on both sides of the budgets
    assert printed.count("0.0186 (0.0179, 0.0195)") == 2 * 5
    assert printed.count("0.0179 [0.0179, 0.0195]") == 5
    assert printed.count("0.0195 [0.0179, >12.3]") == 5
    assert "a␣token␣of␣many…" in printed
    assert "m" * 60 in printed
    assert "damage, not a measure of a text's quality." in lines


def test_a_table_says_why_there_is_no_number(folder, files, capsys):
    main(["dose", "plain.npy", "--model", folder, "--site", "block:0", "--prompt", "a",
          "--epsilon", "1e-9", "1e6", "--json"])  # fmt: skip
    report = json.loads(capsys.readouterr().out)
    kinds = {(row["epsilon"], row["statistic"]): row["kind"]["plus"] for row in report["budgets"]}
    assert kinds[1e-9, "last"] == "unresolved"
    assert kinds[1e6, "last"] == "not reached"
    assert kinds[1e6, "mean"] == "undefined"
    lines = readable(report).splitlines()
    limit = f">{report['limit']:.3g}"
    [hidden], [last], [mean] = (
        [line.split()[2:] for line in lines if line.split()[:2] == start]
        for start in (["1e-09", "last"], ["1e+06", "last"], ["1e+06", "mean"])
    )
    assert hidden[1:] == ["hidden", "hidden"]
    assert last[1:] == [limit, limit]
    assert mean == ["none", "none", "none"]
    notes = [line.partition(":")[0] for line in lines[-4:]]
    assert notes[1:] == [limit, "hidden", "none"]


@pytest.mark.usefixtures("files")
def test_the_other_divergence_is_asked_for_and_said(folder, capsys):
    command = ["dose", "plain.npy", "--model", folder, "--site", "block:0", "--prompt", PROMPT]
    command += ["--epsilon", "1", "--json"]
    reports = []
    for options in ([], ["--reverse"]):
        main([*command, *options])
        reports.append(json.loads(capsys.readouterr().out))
    one, other = (report["budgets"][1]["plus"] for report in reports)
    lm = stability.load(folder)
    v = np.load("plain.npy")
    forward = stability.dose(lm, v, PROMPT, "block:0").budgets(1.0, "mean")[0].plus
    reverse = stability.dose(lm, v, PROMPT, "block:0", reverse=True).budgets(1.0, "mean")[0].plus
    # each to a thousandth, by coefficients of its own
    assert one == pytest.approx(forward, rel=2e-3)
    assert other == pytest.approx(reverse, rel=2e-3)
    assert abs(reverse / forward - 1) > 0.01
    assert reports[1]["divergence"] == "KL(changed ‖ original)"


def test_a_dash_in_the_table_of_layers_alone_is_explained(folder, files, capsys):
    main(["dose", "plain.npy", "--model", folder, "--site", "block:0", "--prompt", PROMPT,
          "--epsilon", "0.1", "--layers", "--json"])  # fmt: skip
    report = json.loads(capsys.readouterr().out)
    note = "-: the vector changes nothing there."
    changed = [row for prompt in report["prompts"] for row in prompt["tokens"]]
    for dose in [*report["budgets"], *(dose for row in changed for dose in row["doses"])]:
        dose["predicted"] = dose["predicted"] or 1.0
    assert note not in readable(report).splitlines()
    for dose in report["layers"][0]["doses"]:
        dose["predicted"] = None
    lines = readable(report).splitlines()
    assert note in lines
    assert ["block:0", "-"] in [line.split() for line in lines]


def test_the_mean_of_no_tokens_is_none_at_every_layer(folder, files, capsys):
    main(["dose", "plain.npy", "--model", folder, "--site", "block:0", "--prompt", "a",
          "--epsilon", "0.1", "--layers"])  # fmt: skip
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["block:0", "none"] in lines
    assert ["block:1", "none"] in lines


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
    "negative positions": ([*PLAIN, "--positions=-1,-9"], "received -9"),
    "empty site": ([*PLAIN[:3], "--site", ""], "all by itself; received ''"),
    "half a list of sites": ([*PLAIN[:3], "--site", "block:1,"], "received 'block:1,'"),
    "all beside another": ([*PLAIN[:3], "--site", "all,block:1"], "received 'all,block:1'"),
    "position": ([*PLAIN, "--positions", "0,99"], "received 99"),
    "a site twice": ([*PLAIN[:3], "--site", "block:1,blocks.1.hook_resid_post"], "'block:1' twice"),
    "a site that is misspelled": ([*PLAIN[:3], "--site", "blok:1"], "'blok:1': use 'block:1'"),
    "a position twice": ([*PLAIN, "--positions", "0,1,0"], "received 0 twice: leave one out"),
    "an epsilon twice": ([*PLAIN, "--epsilon", "0.1", "1", "0.1"], "received 0.1 twice"),
    "mode": ([*PLAIN, "--mode", "rotate"], "invalid choice: 'rotate'"),
    "epsilon": ([*PLAIN, "--epsilon", "0"], "positive number of nats"),
    "absent": (
        ["absent.npy", *PLAIN[1:]],
        "A file of vectors must be readable; 'absent.npy' is not (No such file",
    ),
    "no prompts": (["plain.npy", "--prompts", "no.txt"], "'no.txt' is not (No such file or dir"),
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
    card, said = capsys.readouterr()
    assert card.startswith("### Dose of `two.gguf`\n")
    assert "'out.gguf' holds 1 of the 2 vectors of 'two.gguf', as its doses" in said
    # of which one belongs to the first block, where GGUF files have none
    assert said.endswith("applied together.\n")
    assert f"\nOn 1 text:\n- `{PROMPT}`\n\nEasily got wrong:\n- " in card
    assert "| 0.1 | mean |" in card
    assert (tmp_path / "out.gguf").exists()


@pytest.fixture(scope="module")
def deeper(tmp_path_factory):
    config = FAMILIES["llama"]()
    config.num_hidden_layers = 3
    return str(save_model(tmp_path_factory.mktemp("three"), config))


PART = "'out.gguf' holds 1 of the 2 vectors of '{}', as its doses are those of what is applied "
LEFT_OUT = {
    "a site": (["both.gguf", "--site", "block:1"], ": check 'both.gguf' with --site all to write all."),
    "a name": (["both.gguf#1", "--site", "all"], ": check 'both.gguf' with --site all to write all."),
    "a name at two sites": (
        ["both.gguf#1", "--site", "block:1,block:2"],
        ": check 'both.gguf' with --site all to write all.",
    ),
    "none has a site": (["plain.npz#a", "--site", "block:1"], "."),
    "all": (["both.gguf", "--site", "all"], None),
    "one at two sites": (["plain.npy", "--site", "block:1,block:2"], None),
}  # fmt: skip


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("arguments", "remedy"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_what_a_copy_leaves_out_is_said_with_a_remedy_that_there_is(
    arguments, remedy, deeper, capsys, tmp_path
):
    v = random_vector(WIDTH, length=3.0).astype(np.float32)
    control_vector(tmp_path / "both.gguf", {1: v, 2: v})
    (tmp_path / "plain.npz").write_bytes(npz(a=v, b=v))
    main(["check-vector", *arguments, "--model", deeper, "--prompt", PROMPT, "--epsilon", "0.1",
          "--write", "out.gguf"])  # fmt: skip
    name = arguments[0].partition("#")[0]
    said = "" if remedy is None else f"stability: {PART.format(name)}together{remedy}\n"
    assert capsys.readouterr().err == said


@pytest.mark.usefixtures("files")
def test_a_file_that_is_checked_is_read_once(folder, monkeypatch):
    read = []
    whole = registry.read_bytes
    monkeypatch.setattr(registry, "read_bytes", lambda path: read.append(path.name) or whole(path))
    main(["check-vector", "two.gguf#1", "--model", folder, "--prompt", PROMPT, "--epsilon", "0.1",
          "--write", "out.gguf"])  # fmt: skip
    assert read == ["two.gguf"]


def test_the_help_names_the_epsilons_that_are_the_default(monkeypatch, capsys):
    monkeypatch.setattr("stability.cli.dose.DOSE_EPSILONS", (0.25, 4.0))
    with pytest.raises(SystemExit):
        main(["dose", "--help"])
    assert "nats; by default 0.25 4" in " ".join(capsys.readouterr().out.split())


@pytest.mark.usefixtures("files")
def test_a_check_as_json_is_one_object(folder, capsys):
    main(["check-vector", "plain.npy", "--model", folder, "--site", "block:0", "--prompt", PROMPT,
          "--epsilon", "0.1", "--json"])  # fmt: skip
    report = json.loads(capsys.readouterr().out)
    assert report["holds"] is True
    assert [*report] == ["holds", "findings", "warnings", "budgets"]


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("two.gguf", "another file than the vector's own"),
        ("two.txt", "must end in .gguf"),
        ("absent/two.gguf", "in a folder that is there"),
    ],
)
def test_a_copy_is_refused_before_anything_is_computed(path, words, folder, capsys, tmp_path):
    before = (tmp_path / "two.gguf").read_bytes()
    command = ["check-vector", "two.gguf#1", "--model", "absent", "--write", path]
    assert words in refusal(command, capsys)
    assert (tmp_path / "two.gguf").read_bytes() == before


@pytest.mark.usefixtures("files")
def test_a_card_is_printed_in_the_characters_that_there_are(folder, monkeypatch):
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    monkeypatch.setattr("sys.stdout", out)
    main(["check-vector", "plain.npy", "--model", folder, "--site", "block:0", "--prompt", PROMPT,
          "--epsilon", "0.1"])  # fmt: skip
    card = out.buffer.getvalue().decode("ascii")
    assert "KL(original \\u2016 changed)" in card
    assert "do not measure the quality of a text." in card
