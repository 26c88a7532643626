"""The Explore page, rerun without a browser: what it says is what the library says."""

import json

import numpy as np
import pytest
from support.app import opened, plain_text, use_results

import stability

SURE = "The capital of France is"
pytestmark = pytest.mark.usefixtures("smollm2_folder")


@pytest.fixture(scope="module")
def lm(smollm2_folder):
    return stability.load("smollm2-135m")


@pytest.fixture
def page():
    app = opened()
    assert not app.exception
    return app


def numbers(app):
    return {metric.label: metric.value for metric in app.metric}


def expected(lm, prompt, epsilon, direction=0):
    """What the headline must say along an eigendirection, or a vector."""
    state = lm.capture(prompt)
    if isinstance(direction, int):
        direction = stability.spectrum(state).vectors[:, direction]
    ray = stability.ray(state, direction)
    minus, plus = ray.boundary(epsilon)
    return {
        "predicted r": f"{ray.predicted_radius(epsilon):#.3g}",
        "actual −": f"{minus:#.3g}",
        "actual +": f"{plus:#.3g}",
    }


def test_the_page_opens_with_the_librarys_numbers(page, lm):
    assert expected(lm, SURE, 0.01).items() <= numbers(page).items()


def test_another_prompt_epsilon_and_direction_give_other_numbers(page, lm):
    page.text_area(key="prompt").set_value("Once upon a time").run()
    page.select_slider(key="epsilon").set_value(0.1).run()
    page.number_input(key="rank").set_value(3).run()
    assert not page.exception
    assert expected(lm, "Once upon a time", 0.1, 2).items() <= numbers(page).items()


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [("prompt", "", "at least one token"), ("prompt", "word " * 9000, "at most 8192 tokens")],
)
def test_bad_input_is_one_sentence_and_the_last_picture_stays(page, key, value, words):
    before = numbers(page)
    page.text_area(key=key).set_value(value).run()
    assert not page.exception
    assert len(page.error) == 1
    assert words in plain_text(page.error[0])
    assert numbers(page) == before


def choose(page, kind, **fields):
    page.selectbox(key="kind").set_value(kind).run()
    for key, value in fields.items():
        (page.text_area if key == "numbers" else page.text_input)(key=key).set_value(value).run()
    assert not page.exception


def test_a_direction_between_two_tokens_by_their_spelling_or_their_id(page, lm):
    choose(page, "token difference", start="␣London", end="␣Paris")
    rows = lm.readout.W_U
    london, paris = (lm.tokenizer(text).input_ids[0] for text in (" London", " Paris"))
    along = expected(lm, SURE, 0.01, rows[paris] - rows[london])
    assert along.items() <= numbers(page).items()
    choose(page, "token difference", start=str(london), end=str(paris))
    assert along.items() <= numbers(page).items()


def test_a_pasted_vector_is_a_direction(page, lm):
    vector = np.random.default_rng(0).standard_normal(lm.readout.width)
    choose(page, "a vector of your own", numbers=json.dumps(vector.tolist()))
    assert not page.error
    assert expected(lm, SURE, 0.01, vector).items() <= numbers(page).items()


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        ("a vector of your own", {"numbers": "[1, 2]"}, "576; received an array of shape (2,)"),
        ("a vector of your own", {"numbers": "hello"}, "is neither"),
        ("token difference", {"start": "two words"}, "A single token is needed"),
        ("token difference", {"start": "999999"}, "between 0 and 49151"),
        ("token difference", {"start": "␣the"}, "different rows of W_U"),
        ("towards another prompt", {"other": ""}, "at least one token"),
        ("towards another prompt", {"other": SURE}, "lead to another state"),
    ],
)
def test_a_bad_direction_is_one_sentence_and_the_last_picture_stays(page, kind, fields, words):
    choose(page, kind)  # which may give a good picture itself
    before = numbers(page)
    choose(page, kind, **fields)
    assert [words in plain_text(error) for error in page.error] == [True]
    assert numbers(page) == before


@pytest.mark.parametrize("kind", ["random", "covariance-matched"])
def test_another_seed_is_another_direction(page, kind):
    choose(page, kind)
    first = numbers(page)
    page.number_input(key="seed").set_value(1).run()
    assert not page.exception
    assert numbers(page).keys() == first.keys()
    assert numbers(page)["predicted r"] != first["predicted r"]


def test_a_vector_that_is_still_to_come_is_asked_for_and_no_error(page):
    before = numbers(page)
    choose(page, "a vector of your own")
    assert not page.error
    assert any("Upload" in info.value for info in page.info)
    assert numbers(page) == before


def test_the_other_prompts_state_is_placed_on_the_line(page, lm):
    choose(page, "towards another prompt", other="The capital of Italy is")
    here, there = (lm.capture(prompt).vector for prompt in (SURE, "The capital of Italy is"))
    distance = float((there - here).norm())
    assert any(f"lies at t = {distance:#.3g}" in caption.value for caption in page.caption)


def test_lengths_can_be_parts_of_the_norm(page, lm):
    page.toggle(key="relative").set_value(True).run()
    assert not page.exception
    state = lm.capture(SURE)
    radius = stability.ray(state, stability.spectrum(state).vectors[:, 0]).predicted_radius(0.01)
    assert numbers(page)["predicted r"] == f"{100 * radius / state.norm:#.3g} %"
    assert any("% of ‖vector‖" in caption.value for caption in page.caption)


def test_the_shipped_picture_is_there_until_something_else_is_chosen(page):
    assert len(page.get("bidi_component")) == 2  # the strip, and the picture
    assert not page.get("plotly_chart")  # they come when a browser has painted it
    page.select_slider(key="epsilon").set_value(0.1).run()
    assert len(page.get("bidi_component")) == 1
    assert len(page.get("plotly_chart")) == 5


def test_the_plane_is_drawn_as_region_and_as_cloud(page):
    page.select_slider(key="epsilon").set_value(0.1).run()
    second = page.selectbox(key="second")
    assert second.options[0] == "eigendirection 2"  # the first spans the ray
    second.set_value(4).run()
    assert not page.exception
    page.segmented_control(key="picture").set_value("cloud, PCA").run()
    assert not page.exception


def test_an_example_fills_the_prompt(page):
    page.selectbox(key="example").set_value("code").run()
    assert "fibonacci" in page.text_area(key="prompt").value
    assert not page.exception


def everything(page):
    """The table of all numbers, by name."""
    [table] = [frame.value for frame in page.dataframe]
    return dict(zip(table["quantity"], table["value"], strict=True))


def test_all_numbers_hold_the_librarys(page, lm):
    page.select_slider(key="epsilon").set_value(0.1).run()
    numbers = everything(page)
    state = lm.capture(SURE)
    ray = stability.ray(state, stability.spectrum(state).vectors[:, 0])
    assert numbers["r / ‖vector‖"] == f"{100 * ray.predicted_radius(0.1) / state.norm:#.3g} %"
    assert numbers["entropy"] == f"{state.entropy:#.3g} nats"
    assert numbers["margin"] == f"{state.margin:#.3g} nats"
    assert {"calibrated −", "calibrated +"} <= numbers.keys()
    assert not page.warning


def test_missing_results_leave_out_the_calibrated_rows_in_silence(page, tmp_path, monkeypatch):
    use_results(tmp_path, monkeypatch)
    page.select_slider(key="epsilon").set_value(0.1).run()
    assert not page.exception
    assert not [name for name in everything(page) if "calibrated" in name]
    assert not page.warning


def test_damaged_results_are_said_where_the_calibrated_rows_would_stand(
    page, tmp_path, monkeypatch
):
    (tmp_path / "smollm2-135m.parquet").write_bytes(b"PAR1 but no more")
    use_results(tmp_path, monkeypatch)
    page.select_slider(key="epsilon").set_value(0.1).run()
    assert not page.exception
    [warning] = page.warning
    assert "is damaged" in plain_text(warning)
    assert "take it from the repository again" in plain_text(warning)
    numbers = everything(page)
    assert "curvature vᵀHv" in numbers
    assert not [name for name in numbers if "calibrated" in name]
    assert not page.error
