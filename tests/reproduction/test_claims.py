"""What is said of the shipped results, recomputed plainly from their rows."""

import pytest

from stability import defaults
from stability.evaluation.calibration import CERTIFIED, CLOSED_FORM, MOMENTS, PLACED, cases
from stability.reproduction.claims import findings
from stability.reproduction.settings import shipped


@pytest.fixture(scope="module", params=defaults.MODELS)
def table(request):
    return shipped(request.param)


@pytest.fixture(scope="module")
def found(table):
    return cases(table)


def test_findings_are_what_the_rows_say(table, found):
    said = {finding.quantity: finding for finding in findings(table)}
    readout = found[found["site"] == "prelogit"]
    top = readout[(readout["direction"] == "eig:0") & (readout["epsilon"] < 0.002)]
    error = (top["predicted"] / top["actual"] - 1).abs()
    small = said["closed form, small ε: median size of the error"]
    assert small.measured.value == pytest.approx(error.median(), rel=0.02)
    assert f"{len(top)} radii" in small.setting
    large = readout[readout["epsilon"] > 0.5]
    error = (large["predicted"] / large["actual"] - 1).abs()
    share = said["closed form: share within 50 %"].measured.value
    assert share == pytest.approx((error < 0.5).mean())
    order = [
        said[f"{name}, calibrated: share within 50 %"].measured.value
        for name in (CLOSED_FORM, CERTIFIED, MOMENTS)
    ]
    assert order == sorted(order)
    assert order[-1] >= 0.95
    for finding in said.values():
        assert finding.measured.low <= finding.measured.value <= finding.measured.high
        report = finding.report()
        assert report["measured"]["value"] == finding.measured.value
        assert report["unit"] in ("share", "times", "")


def test_places_are_finer_than_the_middle_of_a_bracket_and_say_where_they_promise_too_much(table):
    said = {finding.quantity: finding.measured.value for finding in findings(table)}
    assert said[f"{PLACED}: share within 8 %"] > said[f"{MOMENTS}: share within 8 %"] + 0.05
    inside = f"{PLACED}: boundaries in the 90% interval"
    assert said[f"{inside}, all predictions"] == pytest.approx(0.9, abs=0.02)
    assert said[f"{inside}, where entropy is below 0.3 nats"] < 0.88
