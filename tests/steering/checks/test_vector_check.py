"""The check of a vector: what holds, what does not, and what is written of it."""

import re
from dataclasses import replace
from pathlib import Path

import gguf
import numpy as np
import pytest
from support.models import WIDTH
from support.steering import TEXT, random_vector
from support.vector_files import control_vector

import stability
from stability.errors import StabilityError
from stability.steering.checks import vector_check
from stability.steering.checks.applied import applied_error
from stability.steering.checks.vector_card import Finding, card_lines
from stability.steering.checks.vector_check import check_vector
from stability.steering.doses.dose import Dose, dose
from stability.steering.passes.intervention import Change
from stability.steering.passes.reading import steered_text
from stability.text import spelled
from stability.vector_files.steering_vector import SteeringVector

V = random_vector(WIDTH, length=3.0)


@pytest.fixture(scope="module")
def found(lm):
    vector = SteeringVector("own.gguf", "array", {"block:1": V}, coefficient=2.0)
    return check_vector(lm, vector, [TEXT], epsilons=[0.1])


def test_a_vector_that_fits_holds(lm, found):
    said = {finding.name: finding for finding in found.findings}
    assert found.holds
    states = [state.norm for state in lm.capture_all(TEXT, "block:1")][1:]
    # torch's median is the lower of two
    middle = sorted(states)[(len(states) - 1) // 2]
    width_and_length = f"width {WIDTH}, length 3.00; states there are {middle:#.3g} long"
    assert said["block:1"].value == width_and_length
    assert said["at coefficient 0"].holds
    assert said["the change of the states"].holds
    assert said["the file's own coefficient"].value == "2.00"
    assert said["the change of the states"].value.endswith(", once")
    _, [first, *_] = found.dose.prices()
    assert said["after the first text, + buys first"].value.startswith(
        f"{spelled(first.text)} at {first.coefficient:#.3g}, "
    )


SITES = [("block:0",), ("block:1",), ("block:0", "block:1"), ("prelogit",)]


@pytest.mark.parametrize("family", ["llama", "gpt2", "mamba"])
@pytest.mark.parametrize("sites", SITES, ids=",".join)
@pytest.mark.parametrize("mode", ["add", "project"])
@pytest.mark.parametrize("positions", ["all", "last", [0, 2]], ids=str)
def test_every_site_mode_and_position_is_tried(model_of, family, sites, mode, positions):
    lm = model_of(family)
    vector = SteeringVector("own", "array", dict.fromkeys(sites, V), mode)
    text = steered_text(lm, TEXT, vector, positions)
    vectors = {lm.block(site): V for site in sites}
    # a sum that float32 rounds once
    assert applied_error(text, vectors, mode) <= 1e-7


WRONG = {
    "twice": lambda change: lambda self, stream, c, start=0: change(self, stream, 2 * c, start),
    "not": lambda change: lambda self, stream, c, start=0: change(self, stream, 0 * c, start),
    "aside": lambda change: lambda self, stream, c, start=0: change(self, stream, c, start - 1),
    "in the other mode": lambda change: (
        lambda self, stream, c, start=0: change(
            replace(self, mode="add" if self.mode == "project" else "project"), stream, c, start
        )
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("sites", SITES, ids=",".join)
@pytest.mark.parametrize("mode", ["add", "project"])
def test_a_change_that_is_made_otherwise_does_not_hold(lm, monkeypatch, wrong, sites, mode):
    vector = SteeringVector("own.gguf", "array", dict.fromkeys(sites, V), mode)
    text = steered_text(lm, TEXT, vector, [1, 3])
    assert text.steered
    monkeypatch.setattr(Change, "__call__", WRONG[wrong](Change.__call__))
    assert applied_error(text, {lm.block(site): V for site in sites}, mode) > 0.01


def test_what_does_not_hold_is_said(lm, monkeypatch):
    monkeypatch.setattr(Change, "__call__", lambda self, stream, c, start=0: stream + 0 * c + 0.1)
    vector = SteeringVector("own.gguf", "array", {"prelogit": V})
    # a constant shift has no dose of its own
    monkeypatch.setattr(Dose, "budgets", lambda *_: ())
    found = check_vector(lm, vector, [TEXT], epsilons=[0.1])
    assert [f.name for f in found.findings if f.holds is False] == [
        "at coefficient 0",
        "the change of the states",
    ]
    assert not found.holds
    assert found.card().count("(**does not hold**)") == 2


def test_the_card_is_markdown_with_the_doses(found):
    lines = found.card().splitlines()
    assert lines[0] == "### Dose of `own.gguf`"
    [row] = [line for line in lines if line.startswith("| 0.1 | p95 |")]
    budget = found.budgets[2]
    assert row.split(" | ")[2:] == [
        f"{budget.predicted:#.3g}",
        f"{budget.minus:#.3g}",
        f"{budget.plus:#.3g} |",
    ]
    assert any("do not measure the quality" in line for line in lines)
    assert lines[-2:] == ["On 1 text:", f"- `{TEXT}`"]
    assert any(line.startswith("| model |") and "float32" in line for line in lines)


def test_the_card_says_why_there_is_no_number(lm):
    vector = SteeringVector("own", "array", {"prelogit": V})
    lines = check_vector(lm, vector, ["a"], epsilons=[1e6]).card().splitlines()
    limit = dose(lm, V, "a", site="prelogit").truth(0.1).limit
    [last], [mean] = (
        [x for x in lines if x.startswith(f"| 1e+06 | {n} ")] for n in ("last", "mean")
    )
    assert last.count(f"not reached up to {limit:#.3g}") == 2
    assert mean.count("none: one token has no others") == 3
    hidden = check_vector(
        lm, SteeringVector("own", "array", {"block:0": V}), [TEXT], epsilons=[1e-9]
    )
    assert hidden.card().count("| hidden by rounding | hidden by rounding |") == 3


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("a|b", "`a|b`"),
        ("a`b", "``a`b``"),
        ("`a``b", "``` `a``b ```"),
        ("a\nb\x1b[31m", "`a\\nb\\x1b[31m`"),
    ],
)
def test_names_leave_a_card_whole(found, name, code):
    vector = replace(found.dose.vector, file=name, warnings=(f"It is {name}",))
    finding = Finding("file", name)
    lines = [*card_lines(replace(found.dose, vector=vector), [finding], found.budgets)]
    assert lines[0] == f"### Dose of {code}"
    assert all(line.isprintable() for line in lines)
    # what separates cells is all that is not escaped
    assert len(re.findall(r"(?<!\\)\|", lines[4])) == 3
    assert not re.search(r"(?<!\\)`", lines[4] + lines[-1])


def test_the_doses_are_written_into_the_metadata(found, tmp_path):
    path = tmp_path / "out.gguf"
    found.write(path)
    fields = {k: f.contents() for k, f in gguf.GGUFReader(path).fields.items()}
    assert fields["stability.dose.mean.0.1.plus"] == found.budgets[1].plus
    assert fields["stability.site"] == "block:1"
    [entry] = stability.read_vectors(path).entries
    np.testing.assert_array_equal(entry.vector, V.astype(np.float32).astype(float))


def test_every_vector_that_was_checked_is_written(found, tmp_path):
    vectors = {f"block:{layer}": random_vector(WIDTH, layer) for layer in (1, 2, 5)}
    checked = replace(found.dose.vector, vectors=vectors)
    replace(found, dose=replace(found.dose, vector=checked)).write(tmp_path / "out.gguf")
    file = stability.read_vectors(tmp_path / "out.gguf")
    written = {str(entry.applied): entry.vector.tolist() for entry in file.entries}
    assert written == {
        site: vector.astype(np.float32).astype(float).tolist() for site, vector in vectors.items()
    }


def test_a_copy_replaces_nothing_but_the_file_that_it_names(lm, tmp_path):
    source = tmp_path / "two.gguf"
    control_vector(source, {0: V.astype(np.float32), 1: V.astype(np.float32)})
    content = source.read_bytes()
    found = check_vector(lm, f"{source}#1", [TEXT], epsilons=[0.1])
    (tmp_path / "link.gguf").symlink_to(source)
    for path in (source, str(source), tmp_path / "link.gguf", tmp_path / "." / "two.gguf"):
        with pytest.raises(StabilityError, match="another file than the vector's own"):
            found.write(path)
    with pytest.raises(StabilityError, match=r"must end in \.gguf; received .*two\.txt"):
        found.write(tmp_path / "two.txt")
    assert source.read_bytes() == content
    with pytest.raises(StabilityError, match="A copy must stand in a folder that is there"):
        found.write(tmp_path / "absent" / "out.gguf")
    (tmp_path / "out.gguf").write_text("before")
    found.write(tmp_path / "out.gguf")
    assert [entry.name for entry in stability.read_vectors(tmp_path / "out.gguf").entries] == [
        "direction.1"
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.gguf", "out.gguf", "two.gguf"]


def test_a_copy_that_fails_leaves_what_was_there(found, tmp_path, monkeypatch):
    def failing(vector, path, metadata):
        Path(path).write_text("half")
        raise OSError("no space left")

    monkeypatch.setattr(vector_check, "write_vectors", failing)
    (tmp_path / "out.gguf").write_text("before")
    with pytest.raises(StabilityError, match="no space left"):
        found.write(tmp_path / "out.gguf")
    assert (tmp_path / "out.gguf").read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["out.gguf"]


def test_the_ends_of_an_interval_may_be_beyond_the_search(found):
    budget = replace(
        found.budgets[0], minus_interval=(0.5, np.inf), plus_interval=(0.5, 2.0), limit=9.0
    )
    [row] = [line for line in card_lines(found.dose, [], [budget]) if line.startswith("| 0.1 ")]
    assert row.count(" (0.500 to >9.00) |") == row.count(" (0.500 to 2.00) |") == 1
