"""`dictionary` on the command line: JSON, a table, a file of all rows, and refusals of one line."""

import csv
import json

import numpy as np
import pytest
import torch
from support.cli import refusal
from support.models import FAMILIES, WIDTH, save_model
from support.vector_files import jacobian_lens, npy, pt, sae_folder, safetensors

import stability
from stability.cli import main

PROMPT = "the cat sat"
ROWS = np.random.default_rng(0).standard_normal((30, WIDTH)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(save_model(tmp_path_factory.mktemp("tiny"), FAMILIES["llama"]()))


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sae_folder(tmp_path / "sae", "blocks.1.hook_resid_post", ROWS)
    sae_folder(tmp_path / "heads", "blocks.1.attn.hook_z", ROWS)
    contents = {
        "rows.npy": npy(ROWS),
        "narrow.npy": npy(ROWS[:, 1:]),
        "map.npy": npy(np.eye(WIDTH)),
        "encoder.safetensors": safetensors({"W_enc": ROWS.T.copy()}),
        "objects.pt": pt({"W_dec": torch.from_numpy(ROWS), "made": slice(1)}),
        "lens.pt": jacobian_lens({0: np.eye(WIDTH), 1: np.eye(WIDTH)}),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)


def run(capsys, *arguments):
    main(["dictionary", *arguments, "--prompt", PROMPT])
    return capsys.readouterr()


@pytest.mark.usefixtures("files")
def test_json_holds_the_librarys_numbers_at_the_site_of_the_file(folder, capsys):
    out, _ = run(capsys, "sae", "--model", folder, "--epsilon", "0.1", "--top", "3", "--json")
    report = json.loads(out)
    about = report["dictionary"]
    assert (about["rows"], about["extracted"], about["measured"]) == (
        30,
        "blocks.1.hook_resid_post",
        "block:1",
    )
    state = stability.load(folder).capture(PROMPT, site="block:1")
    found = stability.dictionary(state, ROWS)
    expected = [row.report() for row in found.with_truth(found.ranked(0.1, 3))]
    assert [row["row"] for row in report["rows"]] == [row["row"] for row in expected]
    for row, other in zip(report["rows"], expected, strict=True):
        assert row["boundary"] == pytest.approx(other["boundary"], rel=1e-6)
        assert row["radius"] == pytest.approx(other["radius"], rel=1e-6)
        assert row["certified"] is None
    assert report["matching"] == 30


@pytest.mark.usefixtures("files")
def test_a_table_fits_and_a_file_holds_all_rows(folder, capsys):
    where = ["--model", folder, "--site", "prelogit"]
    out, err = run(capsys, "sae", *where, "--search", "the", "--csv", "all.csv")
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[2].endswith("extracted at blocks.1.hook_resid_post, measured at prelogit")
    assert "here they are measured at prelogit" in err
    with open("all.csv", newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    found = stability.dictionary(stability.load(folder).capture(PROMPT), ROWS)
    assert [float(row["curvature"]) for row in table] == pytest.approx(found.curvature, rel=1e-6)
    assert [float(row["radius at 0.01"]) for row in table] == pytest.approx(
        found.radii(0.01), rel=1e-6
    )
    inner = found.certificates(0.01, range(30))[:, 1, 0]
    assert [float(row["inner plus at 0.01"]) for row in table] == pytest.approx(inner, rel=1e-6)
    listed = [int(line.split()[0]) for line in lines[6:] if line[:7].strip().isdecimal()]
    assert listed == found.search("the")[:10].tolist() != []


@pytest.mark.usefixtures("files")
def test_the_rows_of_a_lens_go_by_their_tokens(folder, capsys):
    where = ["lens.pt", "--model", folder, "--site", "block:0", "--top", "2"]
    rows = json.loads(run(capsys, *where, "--json").out)["rows"]
    lm = stability.load(folder)
    assert [row["name"] for row in rows] == [lm.text(row["row"]) for row in rows]


@pytest.mark.usefixtures("files")
def test_no_row_found_is_an_answer(folder, capsys):
    out, _ = run(capsys, "rows.npy", "--model", folder, "--site", "final", "--search", "no such")
    assert "No row pushes such a token" in out


BAD = {
    "no site": (["rows.npy"], "needs the site where its rows are measured; 'rows.npy' names none"),
    "several sites": (["lens.pt"], "has maps for block:0, block:1: give one"),
    "no such site": (["rows.npy", "--site", "block:7"], "A site must be prelogit, final or block"),
    "width": (["narrow.npy", "--site", "block:0"], f"received 30 rows of {WIDTH - 1}"),
    "map": (["map.npy", "--site", "block:0"], "is a map of 32×32"),
    "encoder": (["encoder.safetensors"], "holds the encoder 'W_enc' alone"),
    "heads": (["heads"], "measured at 'blocks.1.attn.hook_z', inside a block"),
    "objects": (["objects.pt"], "Pickled objects are not read"),
    "absent": (["absent.npy"], "'absent.npy' is not (No such file"),
    "epsilon": (["sae", "--epsilon", "0"], "positive number of nats"),
    "top": (["sae", "--top", "0"], "The number of rows to list must be a whole number"),
    "csv": (["sae", "--csv", "no/such/folder.csv"], "A table needs a file that can be written"),
    "system": (["sae", "--system", "x"], "A system prompt is part of a chat"),
}


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(("arguments", "words"), BAD.values(), ids=BAD)
def test_bad_input_is_one_line_on_standard_error_and_status_2(arguments, words, folder, capsys):
    said = refusal(["dictionary", *arguments, "--prompt", PROMPT, "--model", folder], capsys)
    assert words in said
