"""What is said of the shipped results, recomputed plainly from their rows."""

import json

import pytest

from stability import cli, defaults
from stability.evaluation.bracket_fractions import MEDIAN_FRACTION
from stability.evaluation.calibration import CERTIFIED_INNER, CLOSED_FORM, MOMENTS, cases
from stability.reproduction.claims import measured_claims
from stability.reproduction.dose_claims import dose_claims
from stability.reproduction.settings import DOSES, has_results, shipped

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=defaults.MODELS)
def table(request):
    return shipped(request.param)


@pytest.fixture(scope="module")
def measured(table):
    return cases(table)


def test_claims_are_measured_on_the_rows(table, measured):
    said = {claim.quantity: claim for claim in measured_claims(table)}
    readout = measured[measured["site"] == "prelogit"]
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
        for name in (CLOSED_FORM, CERTIFIED_INNER, MOMENTS)
    ]
    assert order == sorted(order)
    assert order[-1] >= 0.95
    for claim in said.values():
        assert claim.measured.low <= claim.measured.value <= claim.measured.high
        report = claim.report()
        assert report["measured"]["value"] == claim.measured.value
        assert report["unit"] in ("share", "times", "")


def test_median_fractions_are_finer_than_the_middle_of_a_bracket_and_say_where_coverage_is_low(
    table,
):
    said = {claim.quantity: claim.measured.value for claim in measured_claims(table)}
    assert (
        said[f"{MEDIAN_FRACTION}: share within 8 %"] > said[f"{MOMENTS}: share within 8 %"] + 0.05
    )
    inside = f"{MEDIAN_FRACTION}: boundaries in the 90 % interval"
    assert said[f"{inside}, all predictions"] == pytest.approx(0.9, abs=0.02)
    assert said[f"{inside}, where entropy is below 0.3 nats"] < 0.88


def test_the_json_of_the_command_is_every_claim_in_plain_data(table, capsys):
    model = table["model"][0].as_py()
    cli.main(["reproduce", "--models", model, "--json"])
    out, err = capsys.readouterr()
    assert (out.count("\n"), err) == (1, "")
    [(name, reported)] = json.loads(out, parse_constant=pytest.fail).items()
    assert name == model
    claims = measured_claims(table)
    if has_results(model, kind=DOSES):
        claims += dose_claims(shipped(model, kind=DOSES))
    for claim, entry in zip(claims, reported, strict=True):
        assert [*entry] == ["quantity", "source", "setting", "measured", "unit"]
        assert [*entry["measured"]] == ["value", "low", "high"]
        assert entry == claim.report()
        assert (entry["quantity"], entry["source"]) == (claim.quantity, claim.source)


def test_the_text_of_the_command_has_a_paragraph_for_each_claim(table, capsys):
    model = table["model"][0].as_py()
    cli.main(["reproduce", "--models", model, "--only", "radii"])
    out, err = capsys.readouterr()
    title, *paragraphs = out.rstrip("\n").split("\n\n")
    assert (title, err) == (model, "")
    for claim, paragraph in zip(measured_claims(table), paragraphs, strict=True):
        quantity, *lines = paragraph.splitlines()
        assert quantity == claim.quantity
        text = " ".join(" ".join(lines).replace("\xa0", " ").split())
        source = f"source {claim.source} " if claim.source else ""
        expected = f"measured {claim.value} {source}setting {claim.setting}".replace("\xa0", " ")
        assert text == " ".join(expected.split())
