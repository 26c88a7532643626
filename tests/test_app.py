"""The Explore page, rerun without a browser: what it says is what the library says."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import stability

APP = Path(__file__).resolve().parents[1] / "app.py"
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.usefixtures("smollm2_folder"),
]


@pytest.fixture(scope="module")
def lm(smollm2_folder):
    return stability.load("smollm2-135m")


@pytest.fixture
def page():
    app = AppTest.from_file(str(APP), default_timeout=120).run()
    assert not app.exception
    return app


def numbers(app):
    return {metric.label: metric.value for metric in app.metric}


def expected(lm, prompt, epsilon, direction=0):
    state = lm.capture(prompt)
    ray = stability.ray(state, stability.spectrum(state).vectors[:, direction])
    minus, plus = ray.boundary(epsilon)
    return {
        "predicted r": f"{ray.predicted_radius(epsilon):.3g}",
        "actual boundary −": f"{minus:.3g}",
        "actual boundary +": f"{plus:.3g}",
    }


def test_the_page_opens_with_the_librarys_numbers(page, lm):
    assert expected(lm, "The capital of France is", 0.01).items() <= numbers(page).items()


def test_another_prompt_epsilon_and_direction_give_their_own_numbers(page, lm):
    page.text_area(key="prompt").set_value("Once upon a time").run()
    page.slider(key="log_epsilon").set_value(-1.0).run()
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
    assert words in page.error[0].value
    assert numbers(page) == before


def test_an_example_fills_the_prompt(page):
    page.selectbox(key="example").set_value("code").run()
    assert "fibonacci" in page.text_area(key="prompt").value
    assert not page.exception
