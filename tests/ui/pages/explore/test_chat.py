"""A chat on the pages, rerun without a browser: what is said is what the library reads."""

import pytest
from support.app import DEPTH, opened, plain_text
from support.models import FAMILIES, save_model

import stability
from stability.prediction.conversation import Conversation

pytestmark = pytest.mark.usefixtures("smollm2_folder")
USER = {"role": "user", "content": "The capital of France is"}


@pytest.fixture(scope="module")
def lm(smollm2_folder):
    return stability.load("smollm2-135m")


@pytest.fixture
def page():
    app = opened(chat=True)
    assert not app.exception
    return app


def expected(lm, messages, position=-1):
    """What the headline must say along the first eigendirection."""
    state = lm.capture(Conversation.of(messages), position)
    ray = stability.ray(state, stability.spectrum(state).vectors[:, 0])
    return f"{ray.predicted_radius(0.01):#.3g}"


def predicted(app):
    return {metric.label: metric.value for metric in app.metric}["predicted r"]


def press(app, label):
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception


def test_the_prompt_is_said_by_the_user_at_any_position(page, lm):
    assert predicted(page) == expected(lm, [USER])
    page.session_state["position"] = 26
    page.run()
    assert predicted(page) == expected(lm, [USER], 26)


def test_turns_are_added_said_and_taken_away(page, lm):
    press(page, "Add a turn of the assistant")
    press(page, "Add a turn of the user")
    page.text_input(key="system").set_value("One word.")
    page.text_area(key="turn_1").set_value("Paris.")
    page.text_area(key="turn_2").set_value("And of Italy?").run()
    system = {"role": "system", "content": "One word."}
    answer = {"role": "assistant", "content": "Paris."}
    question = {"role": "user", "content": "And of Italy?"}
    assert predicted(page) == expected(lm, [system, USER, answer, question])
    press(page, "Remove the last turn")
    assert predicted(page) == expected(lm, [system, USER, answer])


def test_a_chat_is_kept_while_it_is_turned_off(page):
    said = predicted(page)
    assert "what each turn says" in captions(page)
    page.toggle(key="chat").set_value(False).run()
    assert predicted(page) == "0.123"
    assert "what each turn says" not in captions(page)
    page.toggle(key="chat").set_value(True).run()
    assert predicted(page) == said


def captions(app):
    return " ".join(caption.value for caption in app.caption)


def test_a_base_model_says_in_one_sentence_that_it_has_no_template(tmp_path):
    page = opened(chat=True, model=str(save_model(tmp_path, FAMILIES["llama"]())))
    assert not page.exception
    assert ["has none, as base models" in plain_text(error) for error in page.error] == [True]


def test_the_depth_page_reads_the_same_conversation(lm):
    page = opened(DEPTH, chat=True, system="One word.", section="one token")
    assert not page.exception
    system = {"role": "system", "content": "One word."}
    shown = page.selectbox(key="depth_position").options
    assert len(shown) == len(lm.tokenize(Conversation.of([system, USER])))
    assert shown[3] == "3: One (system)"
