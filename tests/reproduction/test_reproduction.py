"""The shipped results: measured again in part, consistent in themselves, and told as they are."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.paths import ROOT

from stability import defaults
from stability.errors import StabilityError
from stability.evaluation.calibration import CERTIFIED, CLOSED_FORM, MOMENTS, after, cases
from stability.models import load
from stability.models.packaged.registry import PACKAGED
from stability.prediction.state import ModelCard
from stability.reproduction.claims import findings
from stability.reproduction.page import text
from stability.reproduction.settings import PROMPTS, RESULTS, has_results, settings, shipped
from stability.sweeps.measurement import SCHEMA, measure
from stability.sweeps.plan import Plan
from stability.sweeps.prompts import Prompt, read_prompts

MODELS, PAGE = defaults.MODELS, ROOT / "assets" / "results"
# single precision keeps 6e-8; the 101st eigenvector follows the rounding of other processors to 1e-4
CLOSE = 1e-3


@pytest.fixture(scope="module", params=MODELS)
def table(request):
    return shipped(request.param)


@pytest.fixture(scope="module")
def found(table):
    return cases(table)


# of each setting: which of its sites are measured again, at which of its prompts
SAMPLE = {"readout": (("prelogit",), (30, 140)), "depth": (("final",), (1,))}


@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample_measured_again_is_what_was_shipped(smollm2_folder, name):
    lm, held = load("smollm2-135m"), shipped("smollm2-135m").to_pandas()
    setting = next(one for one in settings(lm.card) if one.name == name)
    sites, indices = SAMPLE[name]
    plan = replace(setting.plan, sites=sites)
    for prompt in [setting.prompts(read_prompts(PROMPTS))[index] for index in indices]:
        again = measure(lm, plan, prompt).to_pandas()
        own = held[(held["prompt_index"] == prompt.index) & held["site"].isin(sites)]
        assert len(again) == len(own) == plan.positions * len(plan.directions) * 4 * 2
        for column in SCHEMA.names:
            ours, theirs = (part[column].reset_index(drop=True) for part in (again, own))
            if SCHEMA.field(column).type != "double":
                assert column == "version" or theirs.equals(ours), column
                continue
            np.testing.assert_array_equal(theirs.isna(), ours.isna(), err_msg=column)
            size = skewness_scale(again) if column == "kappa3" else ours.abs()
            assert ((theirs - ours).abs() <= CLOSE * size)[ours.notna()].all(), column


def skewness_scale(rows: pd.DataFrame) -> pd.Series:
    """What κ₃, which may cancel to nothing, is close in: a turn by δ moves it by 3δ·E[a²b].

    That is at most `3δ·√(E[a⁴]·E[b²])`, where `b` varies about as much as `a`.
    """
    variance = rows["curvature"]
    return 3 * np.sqrt((rows["kappa4"] + 3 * variance**2) * variance)


def test_the_shipped_results_are_small_and_whole(table):
    prompts = read_prompts(PROMPTS)
    frame = table.to_pandas()
    readout = frame[frame["site"] == "prelogit"]
    assert readout["prompt_index"].nunique() == len(prompts)
    assert readout.groupby(["prompt_index", "position"]).ngroups >= 300
    assert dict(zip(readout["prompt_index"], readout["prompt"], strict=True)) == {
        prompt.index: prompt.text for prompt in prompts
    }
    keys = ["prompt_index", "position", "site", "direction", "epsilon", "side"]
    assert not frame.duplicated(keys).any()
    size = sum(path.stat().st_size for path in RESULTS.iterdir())
    assert size <= 5e6


def test_the_closed_form_and_every_bracket_hold_in_the_shipped_results(found):
    expected = np.sqrt(2 * found["epsilon"] / found["curvature"])
    np.testing.assert_allclose(found["predicted"], expected, rtol=1e-6)
    readout = found[found["site"] == "prelogit"]
    for inner, outer in (("inner", "outer"), ("moment_inner", "moment_outer")):
        assert (readout[inner] <= readout["actual"] * (1 + 1e-6)).all()
        assert (readout["actual"] <= readout[outer] * (1 + 1e-6)).all()
    assert (readout["inner"] <= readout["moment_inner"] * (1 + 1e-6)).all()


@pytest.mark.parametrize("model", MODELS)
def test_the_page_of_results_is_written_from_the_results(model):
    page = (PAGE / "README.md").read_text("utf-8")
    held = shipped(model)
    assert text(model, held, findings(held)) in page
    for name in ("predictors", "entropy", "asymmetry", "growth"):
        assert (PAGE / f"{model}-{name}.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("model", "name"),
    [("smollm2-135m", "SmolLM2-135M-Instruct"), ("gemma-3-270m", "Gemma 3 270M")],
)
def test_the_readme_tells_the_shares_of_the_results(model, name):
    said = {finding.quantity: finding.value for finding in findings(shipped(model))}
    columns = (CLOSED_FORM, after(CLOSED_FORM), after(CERTIFIED), MOMENTS)
    shares = (said[f"{column}: share within 50 %"].partition(" [")[0] for column in columns)
    readme = (ROOT / "README.md").read_text("utf-8")
    assert f"| {name} | {' | '.join(shares)} |" in readme


def test_results_that_are_not_there_are_asked_for(tmp_path):
    with pytest.raises(
        StabilityError, match=r"must be measured first.*in a clone of the repository"
    ):
        shipped("smollm2-135m", tmp_path)


def test_the_settings_reach_all_depths():
    card = ModelCard("m", "r", "float32", d_model=8, n_layers=18, vocab_size=9)
    readout, depth = settings(card)
    assert readout.plan == Plan()
    assert depth.plan.sites == ("final", "block:9", "block:0")
    prompts = [Prompt(index, str(index), "text") for index in range(30)]
    assert [prompt.index for prompt in depth.prompts(prompts)] == [0, 12, 24]


def test_a_damaged_file_of_results_is_said(tmp_path):
    (tmp_path / "smollm2-135m.parquet").write_bytes(b"no parquet")
    with pytest.raises(StabilityError, match=r"must be a Parquet file of a sweep; .* is damaged"):
        shipped("smollm2-135m", tmp_path)


def test_both_packaged_models_have_results():
    assert set(MODELS) == set(PACKAGED)


def test_a_parquet_file_without_boundaries_is_damaged_too(tmp_path):
    path = tmp_path / "smollm2-135m.parquet"
    for table in (pa.table({"name": ["another table"]}), SCHEMA.empty_table()):
        pq.write_table(table, path)
        with pytest.raises(StabilityError, match=r"is damaged .*holds no boundary"):
            shipped("smollm2-135m", tmp_path)


def test_damaged_results_are_there_and_missing_ones_are_not(tmp_path):
    (tmp_path / "damaged.parquet").write_bytes(b"PAR1 but no more")
    assert has_results("damaged", tmp_path)
    assert not has_results("missing", tmp_path)
    assert all(has_results(model) for model in MODELS)
