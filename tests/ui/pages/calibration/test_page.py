"""The Calibration page, rerun without a browser: what it says is what the results say."""

import pytest
from support.app import CALIBRATION, opened, pictures, plain_text, use_results

from stability.evaluation.calibration import CLOSED_FORM, MOMENTS, PREDICTORS, after
from stability.evaluation.scores import parts, score
from stability.reproduction.claims import measured_claims
from stability.reproduction.settings import shipped
from stability.ui import wording
from stability.ui.cached import calibration as cached

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shipped_cases():
    return cached.shipped("smollm2-135m")


def test_scores_are_those_of_the_cases_shown(page, shipped_cases):
    shown = shipped_cases[(shipped_cases["site"] == "prelogit") & (shipped_cases["epsilon"] > 0.5)]
    table = page.table[0].value
    names = [name for predictor in PREDICTORS for name in (predictor, after(predictor))]
    assert [*table.index] == names
    for name in names:
        measured = score(shown, name)
        assert table.loc[name, "within 50 %"] == wording.literal(measured.within_50.spelled())
        assert table.loc[name, "median error"] == wording.literal(measured.median_error.spelled())


@pytest.mark.parametrize("by", ["direction", "entropy", "site"])
def test_scores_of_a_predictor_part_by_part(page, shipped_cases, by):
    page.segmented_control(key="predictor").set_value(MOMENTS).run()
    page.segmented_control(key="scores_by").set_value(by).run()
    shown = shipped_cases[shipped_cases["epsilon"] > 0.5]
    if by != "site":
        shown = shown[shown["site"] == "prelogit"]
    table = page.table[0].value
    expected = {
        f"{part}, {name}": score(cases, name)
        for part, cases in parts(shown, by)
        for name in (MOMENTS, after(MOMENTS))
        if cases[name].notna().any()  # nothing is certified below the readout
    }
    assert [*table.index] == [wording.literal(name) for name in expected]
    scored = sum(
        measured.n for (name, measured) in expected.items() if name.endswith(f", {MOMENTS}")
    )
    assert any(f"Of {scored:,} boundaries" in caption.value for caption in page.caption)
    for column, key in (("within 8 %", "within_8"), ("median error", "median_error")):
        assert [*table[column]] == [
            wording.literal(getattr(measured, key).spelled()) for measured in expected.values()
        ]


def test_filters_leave_what_they_say(page, shipped_cases):
    page.multiselect(key="shown_kinds").set_value(["random"]).run()
    page.slider(key="shown_entropy").set_value((1.0, 2.0)).run()
    shown = shipped_cases[(shipped_cases["site"] == "prelogit") & (shipped_cases["epsilon"] > 0.5)]
    shown = shown[(shown["kind"] == "random") & shown["entropy"].between(1, 2)]
    assert any(f"Of {len(shown):,} boundaries" in caption.value for caption in page.caption)
    page.slider(key="shown_entropy").set_value((11.9, 12.0)).run()
    assert [info.value for info in page.info] == ["No boundary is left: widen the filters."]


def test_the_scatter_shows_the_chosen_predictor(page):
    for predictor in (CLOSED_FORM, MOMENTS):
        page.segmented_control(key="predictor").set_value(predictor).run()
        drawn = pictures(page)["scatter"]
        assert predictor in drawn["layout"]["xaxis"]["title"]["text"]
        assert {"predicted = actual", "isotonic, ε = 1"} <= {t.get("name") for t in drawn["data"]}


def test_the_sources_stand_beside_what_was_measured_and_the_rest_is_folded(page):
    claims = measured_claims(shipped("smollm2-135m"))
    folded = page.expander[0]
    behind = {text.value for text in folded.markdown}
    lines = {line for text in page.markdown for line in text.value.split("  \n")}
    captions = {caption.value for caption in page.caption}
    for claim in claims:
        setting = wording.literal(claim.setting)
        assert f"**{wording.literal(claim.value)}** :small[{setting}]" in lines
        assert (wording.literal(claim.quantity) in behind) is not bool(claim.source)
        assert not claim.source or wording.literal(claim.source) in captions
    assert folded.label.startswith(f"{sum(not claim.source for claim in claims)} measurements")


def test_no_break_spaces_of_the_tables_are_spaces(page):
    said = " ".join(cell for table in page.table for cell in table.value.to_numpy().ravel())
    assert "xa0" not in said
    assert "\N{NO-BREAK SPACE}" in said


def test_words_of_this_page_are_explained_on_it(page):
    said = page.expander[-1].markdown[0].value
    words = ("isotonic", "placed", "four moments", "rank correlation", "certified", "calibrated")
    for word in words:
        assert f"**{word}**" in said.lower()


@pytest.mark.parametrize("damaged", [False, True])
def test_missing_and_damaged_results_are_one_sentence(tmp_path, monkeypatch, damaged):
    if damaged:
        (tmp_path / "smollm2-135m.parquet").write_bytes(b"PAR1 but no more")
    use_results(tmp_path, monkeypatch)
    page = opened(CALIBRATION, timeout=200)
    assert not page.exception
    [error] = page.error
    assert ("is damaged" in plain_text(error)) is damaged
    assert ("must be measured first" in plain_text(error)) is not damaged
    assert page.segmented_control(key="measurements").value == "smollm2-135m"
