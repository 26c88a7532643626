"""The check of a vector: what holds, what does not, and what is written of it."""

import gguf
import numpy as np
import pytest
from support.models import WIDTH
from support.steering import TEXT, random_vector

import stability
from stability.steering import vector_check
from stability.steering.vector_check import check_vector
from stability.vector_files.steering_vector import SteeringVector

V = random_vector(WIDTH, length=3.0)


@pytest.fixture(scope="module")
def found(lm):
    vector = SteeringVector("own.gguf", "array", {"block:1": V}, coefficient=2.0)
    return check_vector(lm, vector, [TEXT], epsilons=[0.1])


def test_a_vector_that_fits_holds(found):
    said = {finding.name: finding for finding in found.findings}
    assert found.holds
    assert said["block:1"].value == f"width {WIDTH}, length 3.00"
    assert said["at coefficient 0"].holds
    assert said["the change of the state"].holds
    assert said["the file's own coefficient"].value == "2.00"
    assert said["the change of the state"].value.endswith(", once")


def test_a_vector_that_is_applied_otherwise_does_not_hold(lm, monkeypatch):
    vector = SteeringVector("own.gguf", "array", {"block:0": V})
    monkeypatch.setattr(vector_check, "applied_change", lambda *_: np.full(WIDTH, 9.0))
    monkeypatch.setattr(vector_check, "zero_divergence", lambda *_: 1e-3)
    found = check_vector(lm, vector, [TEXT], epsilons=[0.1])
    assert [f.name for f in found.findings if f.holds is False] == [
        "at coefficient 0",
        "the change of the state",
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
    assert "do not measure the quality" in lines[-1]


def test_the_doses_are_written_into_the_metadata(found, tmp_path):
    path = tmp_path / "out.gguf"
    found.write(path)
    fields = {k: f.contents() for k, f in gguf.GGUFReader(path).fields.items()}
    assert fields["stability.dose.mean.0.1.plus"] == found.budgets[1].plus
    assert fields["stability.site"] == "block:1"
    [entry] = stability.read_vectors(path).entries
    np.testing.assert_array_equal(entry.vector, V.astype(np.float32).astype(float))


@pytest.mark.parametrize("site", ["prelogit", "block:1"])
def test_a_projection_and_the_readout_are_checked_too(lm, site):
    vector = SteeringVector("own", "array", {site: V}, "project")
    assert check_vector(lm, vector, [TEXT], epsilons=[0.1], positions="last").holds
