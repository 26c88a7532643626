"""The Calibration page, rerun without a browser: what it says is what the results say."""

import json

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from support.models import FAMILIES, PROMPT, SENTENCES, save_model
from support.paths import ROOT

import stability
from stability.errors import StabilityError
from stability.evaluation.bracket_fractions import calibrate
from stability.evaluation.calibration import CLOSED_FORM, MOMENTS, PREDICTORS, after
from stability.evaluation.scores import parts, score
from stability.geometry.analysis import analyze
from stability.reproduction.claims import measured_claims
from stability.reproduction.settings import shipped
from stability.sweeps import measurement
from stability.ui import wording
from stability.ui.cached import calibration as cached
from stability.ui.pages import calibration as page_module
from stability.ui.pages import own_prompts
from stability.ui.widgets import controls

PAGE = "pages/2_Calibration.py"
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def found():
    return cached.shipped("smollm2-135m")


@pytest.fixture
def page():
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=200).switch_page(PAGE).run()
    assert not app.exception
    assert not app.error
    return app


@pytest.fixture
def tiny(tmp_path_factory, monkeypatch):
    folder = str(save_model(tmp_path_factory.mktemp("tiny"), FAMILIES["llama"]()))
    monkeypatch.setattr(own_prompts, "MODELS", (*own_prompts.MODELS, folder))
    plan = cached.Plan
    few = {"directions": ("eig:0", "random:1"), "epsilons": (0.01, 0.1)}
    monkeypatch.setattr(cached, "Plan", lambda positions: plan(positions=positions, **few))
    return folder


def picture(page):
    [chart] = page.get("plotly_chart")
    return json.loads(chart.proto.spec or chart.proto.figure.spec)


def test_scores_are_those_of_the_cases_shown(page, found):
    shown = found[(found["site"] == "prelogit") & (found["epsilon"] > 0.5)]
    table = page.table[0].value
    names = [name for predictor in PREDICTORS for name in (predictor, after(predictor))]
    assert [*table.index] == names
    for name in names:
        own = score(shown, name)
        assert table.loc[name, "within 50 %"] == wording.plain(own.within_50.spelled())
        assert table.loc[name, "median error"] == wording.plain(own.median_error.spelled())


@pytest.mark.parametrize("by", ["direction", "entropy", "site"])
def test_scores_of_a_predictor_part_by_part(page, found, by):
    page.segmented_control(key="predictor").set_value(MOMENTS).run()
    page.segmented_control(key="scores_by").set_value(by).run()
    shown = found[found["epsilon"] > 0.5]
    if by != "site":
        shown = shown[shown["site"] == "prelogit"]
    table = page.table[0].value
    expected = {
        f"{part}, {name}": score(cases, name)
        for part, cases in parts(shown, by)
        for name in (MOMENTS, after(MOMENTS))
        if cases[name].notna().any()  # nothing is certified below the readout
    }
    assert [*table.index] == [wording.plain(name) for name in expected]
    for column, key in (("within 8 %", "within_8"), ("median error", "median_error")):
        assert [*table[column]] == [
            wording.plain(getattr(own, key).spelled()) for own in expected.values()
        ]


def test_filters_leave_what_they_say(page, found):
    page.multiselect(key="shown_kinds").set_value(["random"]).run()
    page.slider(key="shown_entropy").set_value((1.0, 2.0)).run()
    shown = found[(found["site"] == "prelogit") & (found["epsilon"] > 0.5)]
    shown = shown[(shown["kind"] == "random") & shown["entropy"].between(1, 2)]
    assert any(f"Of {len(shown):,} boundaries" in caption.value for caption in page.caption)
    page.slider(key="shown_entropy").set_value((11.9, 12.0)).run()
    assert [info.value for info in page.info] == ["No boundary is left: widen the filters."]


def test_the_scatter_shows_the_chosen_predictor(page):
    for predictor in (CLOSED_FORM, MOMENTS):
        page.segmented_control(key="predictor").set_value(predictor).run()
        drawn = picture(page)
        assert predictor in drawn["layout"]["xaxis"]["title"]["text"]
        assert {"predicted = actual", "isotonic, ε = 1"} <= {t.get("name") for t in drawn["data"]}


def test_the_sources_stand_beside_what_was_measured(page):
    said = {text.value for text in (*page.markdown, *page.caption)}
    for one in measured_claims(shipped("smollm2-135m")):
        assert {wording.plain(one.quantity), f"**{wording.plain(one.value)}**"} <= said
        assert {
            wording.plain(one.setting),
            wording.plain(one.source or "no claim of a source"),
        } <= said
    assert any("54 to 73" in text for text in said)


def test_own_prompts_are_measured_and_can_be_taken_away(page, tiny):
    page.segmented_control(key="measurements").set_value(page_module.OWN).run()
    assert not page.exception
    page.text_area(key="own_text").set_value(f"{PROMPT}\n\n{SENTENCES[1]}")
    page.selectbox(key="own_model").set_value(tiny)
    page.button[0].click().run()
    assert not page.exception
    assert not page.error
    assert any("boundaries from 2 prompts" in caption.value for caption in page.caption)
    assert len(page.get("download_button")) == 2
    assert len(page.table[0].value) == len(PREDICTORS) * 2


def test_an_upload_that_cannot_be_read_is_told_by_its_own_name():
    for name, data in (("mine.csv", b"\xff\xfe"), ("mine.docx", b"text")):
        with pytest.raises(StabilityError, match=f"'{name}'") as refused:
            cached.read_upload(name, data)
        assert "/" not in str(refused.value)


def test_nothing_to_measure_is_answered_in_a_sentence(page):
    page.segmented_control(key="measurements").set_value(page_module.OWN).run()
    page.button[0].click().run()
    [error] = page.error
    assert "Nothing to measure yet" in error.value


def test_a_measurement_that_stops_keeps_what_it_has_and_goes_on_from_there(page, tiny, monkeypatch):
    attempt, measured_prompts = measurement.attempt, []

    def second_fails_once(lm, plan, prompt, pause):
        measured_prompts.append(prompt.index)
        if measured_prompts == [0, 1]:
            raise StabilityError("It was stopped: start it again.")
        return attempt(lm, plan, prompt, pause)

    monkeypatch.setattr(measurement, "attempt", second_fails_once)
    page.segmented_control(key="measurements").set_value(page_module.OWN).run()
    page.text_area(key="own_text").set_value("\n".join(SENTENCES[:3]))
    page.selectbox(key="own_model").set_value(tiny)
    page.button[0].click().run()
    assert "It was stopped" in page.error[0].value
    assert any("Stopped after 1 of 3 prompts" in text.value for text in page.markdown)
    assert any("boundaries from 1 prompt" in caption.value for caption in page.caption)
    page.text_area(key="own_text").set_value("")
    page.button[0].click().run()
    assert "Nothing to measure yet" in page.error[0].value
    assert len(page.get("download_button")) == 2  # what is there stays
    [go_on] = [button for button in page.button if button.label == "Go on"]
    go_on.click().run()
    assert measured_prompts == [0, 1, 1, 2]
    assert not page.error
    assert any("boundaries from 3 prompts" in caption.value for caption in page.caption)


def test_a_long_prompt_is_said_and_the_others_are_measured(page, tiny):
    page.segmented_control(key="measurements").set_value(page_module.OWN).run()
    page.text_area(key="own_text").set_value(f"{PROMPT}\n{'the cat ' * 60}\n{SENTENCES[1]}")
    page.selectbox(key="own_model").set_value(tiny)
    page.button[0].click().run()
    [warning] = page.warning
    assert "Prompt 2" in warning.value
    assert any("boundaries from 2 prompts" in caption.value for caption in page.caption)


def test_a_calibrated_radius_is_that_of_the_shipped_curve_and_holds_the_truth(
    smollm2_folder, found
):
    lm = stability.load("smollm2-135m")
    one = analyze(lm, "The capital of France is")
    made = calibrate(found[found["site"] == "prelogit"])
    for epsilon in (0.001, 0.05, 1.0):
        brackets = one.ray.moment_brackets(np.array([epsilon]))[:, :, 0]
        sides = cached.calibrated(one, epsilon)
        for bracket, side, actual in zip(brackets, sides, one.ray.boundary(epsilon), strict=True):
            assert side == made.radius(*bracket, epsilon)
            assert bracket[0] <= side.low <= side.value <= side.high <= bracket[1]
            assert bracket[0] <= actual <= bracket[1]
    assert cached.calibrated(one, 2.0) == (None, None)  # nothing was measured beyond one nat
    below = analyze(lm, "The capital of France is", site="final", k=1)
    assert cached.calibrated(below, 0.01) is None


def test_a_case_opens_in_explore_as_it_was_measured(found):
    row = found[found["kind"] == "tokens"].iloc[0]
    app = AppTest.from_function(_look, args=(row["direction"],)).run()
    kind, start, end = (app.session_state[key] for key in ("kind", "start", "end"))
    assert f"tokens:{start},{end}" == row["direction"]
    assert controls.KINDS[kind] == "tokens"
    app = AppTest.from_function(_look, args=("random:77",)).run()
    assert app.session_state["seed"] == 77
    app = AppTest.from_function(_look, args=("eig:3",)).run()
    assert app.session_state["rank"] == 4


def _look(spec):
    from stability.curvature.direction_spec import DirectionSpec
    from stability.ui.widgets import controls

    controls.look_along_spec(DirectionSpec.parse(spec))


def test_models_without_results_have_no_calibrated_radius(tmp_path):
    lm = stability.load(str(save_model(tmp_path, FAMILIES["llama"]())), device="cpu")
    assert cached.calibrated(analyze(lm, PROMPT), 0.01) is None
