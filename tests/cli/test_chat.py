"""Chat on the command line: the same conversation by every option, its tokens with roles."""

import json

import pytest
from support.cli import refusal
from support.models import FAMILIES, byte_tokenizer, save_model

from stability import cli

TEMPLATE = (
    "{% for m in messages %}{{ m.role[0] + ':' + m.content + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}a:{% endif %}"
)
SYSTEM, USER = {"role": "system", "content": "sit"}, {"role": "user", "content": "the cat"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = TEMPLATE
    return str(save_model(tmp_path_factory.mktemp("chat"), FAMILIES["llama"](), tokenizer))


def report(folder, capsys, *arguments):
    cli.main(["analyze", *arguments, "--model", folder, "--json"])
    return json.loads(capsys.readouterr().out)


def test_chat_and_messages_say_the_same_and_tokens_have_roles(folder, capsys):
    by_chat = report(folder, capsys, "the cat", "--chat", "--system", "sit")
    by_messages = report(folder, capsys, json.dumps([SYSTEM, USER]), "--messages")
    assert by_chat == by_messages
    assert json.loads(by_chat["prompt"]) == [SYSTEM, USER]
    tokens = by_chat["tokens"]
    assert "".join(token["text"] for token in tokens) == "s:sit\nu:the cat\na:"
    assert {token["role"] for token in tokens} == {"template", "system", "user"}
    # what is printed as the prompt is what --messages reads
    assert report(folder, capsys, by_chat["prompt"], "--messages") == by_chat


def test_without_chat_a_prompt_is_a_text_whatever_it_looks_like(folder, capsys):
    plain = report(folder, capsys, '[{"role":"u"}]')
    assert plain["prompt"] == '[{"role":"u"}]'
    assert [*plain["tokens"][0]] == ["index", "id", "text"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["Hi", "--system", "sit"], "give --chat too"),
        (["Hi", "--messages"], "A conversation is a list of messages"),
        (["[]", "--messages", "--chat"], "not allowed with argument"),
        (["[]", "--messages", "--system", "sit"], "give --chat too"),
        (["Hi", "--chat", "--system", "\udc80"], "must be UTF-8"),
        (["Hi", "--chat", "--position", "99"], "received 99"),
    ],
)
def test_what_is_no_conversation_is_one_line(folder, capsys, arguments, words):
    assert words in refusal(["analyze", *arguments, "--model", folder], capsys)
