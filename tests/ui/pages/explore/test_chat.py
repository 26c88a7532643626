"""A chat on the pages, rerun without a browser: what is said is what the library reads."""

import pytest
from support.app import DEPTH, explored, opened, plain_text, sent
from support.models import FAMILIES, save_model

from stability.prediction.conversation import Conversation

pytestmark = pytest.mark.usefixtures("smollm2_folder")
USER = {"role": "user", "content": "The capital of France is"}


@pytest.fixture
def lm(smollm2):
    return smollm2


@pytest.fixture
def page():
    app = opened(chat=True)
    assert not app.exception
    return app


def said(page):
    """The conversation of the scene, and the curvature along its direction."""
    setting = explored(page)["setting"]
    return setting["messages"], setting["position"]


def test_the_prompt_is_said_by_the_user_at_any_position(page, lm):
    scene = explored(page)
    assert scene["setting"]["messages"] == [USER]
    tokens = lm.tokenize(Conversation.of([USER]))
    assert [token["id"] for token in scene["tokens"]] == [token.id for token in tokens]
    assert {token["role"] for token in scene["tokens"]} == {token.role for token in tokens}
    page.session_state["position"] = 26
    page.run()
    assert explored(page)["setting"]["position"] == 26


def test_a_chat_is_kept_while_it_is_turned_off(page):
    before = said(page)
    page.toggle(key="chat").set_value(False).run()
    assert said(page)[0] is None
    page.toggle(key="chat").set_value(True).run()
    assert said(page) == before


def test_a_base_model_says_in_one_sentence_that_it_has_no_template(tmp_path):
    page = opened(chat=True, model=str(save_model(tmp_path, FAMILIES["llama"]())))
    while sent(page)["again"] is not None:
        page.run()
    assert not page.exception
    assert ["has none, as base models" in plain_text(error) for error in page.error] == [True]


def test_the_depth_page_reads_the_same_conversation(lm):
    page = opened(DEPTH, chat=True, system="One word.", section="one token")
    assert not page.exception
    system = {"role": "system", "content": "One word."}
    shown = page.selectbox(key="depth_position").options
    assert len(shown) == len(lm.tokenize(Conversation.of([system, USER])))
    assert shown[3] == "3: One (system)"
