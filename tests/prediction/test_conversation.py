"""Conversations: their written form, and what is none."""

import json

import pytest

from stability import Conversation, StabilityError
from stability.prediction.conversation import Turn

MESSAGES = [{"role": "user", "content": "Hi ⏎\n"}, {"role": "assistant", "content": ""}]


def test_the_written_form_is_json_and_is_read_back():
    talk = Conversation.of(MESSAGES)
    assert talk.turns == (Turn("user", "Hi ⏎\n"), Turn("assistant", ""))
    assert json.loads(str(talk)) == MESSAGES
    assert Conversation.parse(str(talk)) == talk
    assert hash(Conversation.parse(str(talk))) == hash(talk)


def test_a_reply_is_awaited_unless_the_last_turn_is_one():
    assert Conversation.of(MESSAGES[:1]).awaits_reply
    assert not Conversation.of(MESSAGES).awaits_reply


def test_fields_that_are_null_are_as_if_they_were_not_there():
    assert Conversation.of([{**MESSAGES[0], "tool_calls": None}]) == Conversation.of(MESSAGES[:1])


@pytest.mark.parametrize(
    "messages",
    [
        [],
        {},
        "Hi",
        None,
        [[]],
        ["Hi"],
        [{}],
        [{"role": "user"}],
        [{"role": "user", "content": None}],
        [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        [{"role": 1, "content": "Hi"}],
        [{**MESSAGES[0], "tool_calls": []}],
        [{"role": "user", "content": "\ud800"}],
        [MESSAGES[0], {"role": "user", "content": "x" * 999, "name": "\n"}],
    ],
)
def test_anything_else_is_refused_in_one_short_sentence(messages):
    for refuse in (
        lambda: Conversation.of(messages),
        lambda: Conversation.parse(json.dumps(messages)),
    ):
        with pytest.raises(StabilityError, match="A conversation is a list of messages") as refused:
            refuse()
        assert "\n" not in str(refused.value)
        assert len(str(refused.value)) < 300


@pytest.mark.parametrize("text", ["", "Hi", "[" * 100_000, "[NaN"])
def test_a_text_that_is_no_json_is_refused_too(text):
    with pytest.raises(StabilityError, match="A conversation is a list of messages"):
        Conversation.parse(text)
