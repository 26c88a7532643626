"""The shipped doses: measured again in part, recomputed plainly from their rows, told as they are."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from support.cli import refusal
from support.paths import ROOT

from stability import defaults
from stability.evaluation.dose_scores import dose_cases, halves
from stability.prediction.provenance import ModelCard
from stability.reproduction.dose_claims import LIMITS, dose_claims
from stability.reproduction.dose_page import PARTS, dose_text
from stability.reproduction.settings import (
    DOSES,
    EVERY_DOSE,
    PROMPTS,
    dose_plan,
    has_results,
    shipped,
)
from stability.sweeps.doses import DOSES as SCHEMA
from stability.sweeps.doses import measure_doses, steering_vectors
from stability.sweeps.prompts import read_prompts

PAGE = ROOT / "assets" / "results"
MODELS = [model for model in defaults.MODELS if has_results(model, kind=DOSES)]
BLOCKS = {"smollm2-135m": 30, "gemma-3-270m": 18}
# true doses are known to a thousandth; float32 is rounded otherwise by other processors
CLOSE, TRUE = 1e-3, 3e-3


@pytest.fixture(scope="module", params=MODELS)
def table(request):
    return shipped(request.param, kind=DOSES)


@pytest.fixture(scope="module")
def rows(table):
    return table.to_pandas()


def test_a_sample_measured_again_is_what_was_shipped(smollm2):
    lm, held = smollm2, shipped("smollm2-135m", kind=DOSES).to_pandas()
    plan = dose_plan(lm.card)
    # the late block alone, which is the cheapest; the vectors are drawn for all
    plan = replace(plan, sites=plan.sites[-1:], vectors=("contrast",))
    prompt = read_prompts(PROMPTS)[2 * EVERY_DOSE]
    again = measure_doses(lm, plan, steering_vectors(lm, plan), prompt).to_pandas()
    chosen = held["site"].isin(plan.sites) & held["vector"].isin(plan.vectors)
    before = held[chosen & (held["prompt_index"] == prompt.index)]
    assert len(again) == len(before) == (3 + 1) * len(plan.epsilons) * 2
    for column in SCHEMA.names:
        ours, theirs = (part[column].reset_index(drop=True) for part in (again, before))
        if SCHEMA.field(column).type != "double":
            assert column == "version" or theirs.equals(ours), column
        else:
            close = TRUE if column == "actual" else CLOSE
            np.testing.assert_allclose(theirs, ours, rtol=close, err_msg=column)


def test_the_shipped_doses_are_whole_and_those_of_their_plan(rows):
    model = rows["model"].iloc[0]
    plan = dose_plan(ModelCard(model, "", "float32", 8, BLOCKS[model], 9))
    prompts = read_prompts(PROMPTS)[::EVERY_DOSE]
    assert {prompt.kind for prompt in prompts} == {p.kind for p in read_prompts(PROMPTS)}
    assert dict(zip(rows["prompt_index"], rows["prompt"], strict=True)) == {
        prompt.index: plan.text(prompt) for prompt in prompts
    }
    keys = ["prompt_index", "site", "vector", "positions", "statistic", "epsilon", "side"]
    assert not rows.duplicated(keys).any()
    each = len(plan.sites) * len(plan.vectors) * (3 + 1) * len(plan.epsilons) * 2
    assert len(rows) == len(prompts) * each
    assert (set(rows["site"]), set(rows["vector"])) == (set(plan.sites), set(plan.vectors))


def test_the_closed_form_is_what_was_predicted_and_holds_at_small_budgets(rows):
    expected = np.sqrt(2 * rows["epsilon"] / rows["information"])
    np.testing.assert_allclose(rows["predicted"], expected, rtol=1e-6)
    small = rows[rows["epsilon"] < 0.02]
    assert (small["predicted"] / small["actual"]).median() == pytest.approx(1, abs=0.03)


def test_claims_are_counted_on_the_rows(table, rows):
    said = {claim.quantity: claim for claim in dose_claims(table)}
    part = rows[(rows["positions"] == "all") & (rows["statistic"] == "mean")]
    for epsilon, limit in LIMITS.items():
        group = part[np.isclose(part["epsilon"], epsilon) & part["actual"].notna()]
        share = ((group["predicted"] / group["actual"] - 1).abs() < limit).mean()
        name = f"predicted dose, all tokens changed, mean over tokens: share within {100 * limit:.0f} %"
        assert said[name].measured.value == pytest.approx(share)
        assert f"{len(group)} doses" in said[name].setting
    for site, group in part.groupby("site"):
        once = group[np.isclose(group["epsilon"], 0.01)]["half_nats"]
        name = f"a change of half the states' length after {site}: nats, median of the mean over tokens"
        low, high = (once.quantile(0.5, interpolation=end) for end in ("lower", "higher"))
        assert low <= said[name].measured.value <= high


def test_the_default_model_has_doses():
    assert "smollm2-135m" in MODELS


@pytest.mark.parametrize("model", MODELS)
def test_the_page_tells_of_the_doses(model):
    page = (PAGE / "README.md").read_text("utf-8")
    held = shipped(model, kind=DOSES)
    assert dose_text(model, held, dose_claims(held)) in page
    for name in ("doses", "half"):
        assert (PAGE / f"{model}-{name}.png").stat().st_size > 10_000


def test_a_page_of_doses_alone_is_refused(capsys, tmp_path):
    command = ["reproduce", "--only", "doses", "--page", str(tmp_path / "page")]
    assert "tells of radii and of doses; received --only doses" in refusal(command, capsys)


def test_what_the_page_concludes_is_so_of_every_model(table, rows):
    cases = dose_cases(table)
    last = cases[(cases["statistic"] == "last") & np.isclose(cases["epsilon"], 1.0)]
    bands = last.groupby(pd.cut(last["part"], [0, *PARTS, np.inf]), observed=True)["ratio"].median()
    # the longer the change, the more the closed form promises; and beyond the states' length too much
    assert bands.is_monotonic_increasing
    assert bands.iloc[-1] > 1.2
    everywhere = cases[cases["positions"] == "all"]
    errors = np.log(everywhere["ratio"]).abs().groupby(everywhere["statistic"]).mean()
    assert errors.idxmax() == "last"
    asked = halves(rows.query("positions == 'all' and statistic == 'mean'"))
    for by in ("prompt_index", "site"):
        others = [name for name in ("prompt_index", "site", "vector", "side") if name != by]
        nats = asked.groupby(others)["half_nats"]
        assert (nats.max() / nats.min()).median() > 2, by
