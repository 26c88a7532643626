"""Conversations: the tokens are those of transformers' own template, and each knows who speaks."""

import time
from pathlib import Path

import pytest
from support.models import FAMILIES, byte_tokenizer, save_model, word_tokenizer

from stability import Conversation, StabilityError
from stability.models import LanguageModel, chat_renderer, load

USER = [{"role": "user", "content": "the dog ran"}]
TURNS = [
    {"role": "system", "content": "a cat sat"},
    *USER,
    {"role": "assistant", "content": "the capital\n\nof  France"},
    {"role": "user", "content": " is Paris "},
]
# ChatML, without a name of a role in what it writes; one that puts the system's words into the
# user's turn and trims, as Llama 2's; and one that knows no system and alternates, as Gemma's
MARKUP = (
    "{% for m in messages %}{{ '|' + m.role[:2] + '\n' + m.content + '|\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '|as\n' }}{% endif %}"
)
MERGED = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}"
    "{% set rules = '<<' + messages[0].content|trim + '>>' %}{% set messages = messages[1:] %}"
    "{% else %}{% set rules = '' %}{% endif %}"
    "{% for m in messages %}{% if m.role == 'user' %}"
    "{{ '[' + (rules if loop.first else '') + m.content.strip() + ']' }}"
    "{% else %}{{ ' ' + m.content.strip() + ' ' }}{% endif %}{% endfor %}"
)
NO_SYSTEM = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('no\nsystem role') }}{% endif %}"
)
THINKING = "{% for m in messages %}{{ '|' + m.content.split('</think>')[-1] }}{% endfor %}"


@pytest.fixture(scope="module")
def lm(tmp_path_factory) -> LanguageModel:
    """A tiny model whose tokenizer puts `<s>` before a plain text, and which reads a long one."""
    return tiny(tmp_path_factory.mktemp("chat"), byte_tokenizer(bos=True))


def tiny(folder, tokenizer) -> LanguageModel:
    config = FAMILIES["llama"]()
    config.max_position_embeddings = 512
    return load(str(save_model(folder, config, tokenizer)), device="cpu")


@pytest.fixture
def speaking(lm, monkeypatch):
    """The model with another template."""

    def with_template(template):
        monkeypatch.setattr(lm.tokenizer, "chat_template", template)
        return lm

    return with_template


@pytest.mark.parametrize("template", [MARKUP, MERGED])
@pytest.mark.parametrize("messages", [USER, TURNS, TURNS[:3]])
def test_the_tokens_are_those_that_transformers_makes(speaking, template, messages):
    lm = speaking(template)
    expected = lm.tokenizer.apply_chat_template(
        messages, add_generation_prompt=messages[-1]["role"] != "assistant"
    ).input_ids
    tokens = lm.tokenize(Conversation.of(messages))
    assert [token.id for token in tokens] == expected
    # BOS as the template writes it, not once more
    assert expected.count(lm.tokenizer.bos_token_id) == (template is MERGED)


def runs(tokens):
    """The words of each role in order, white space apart."""
    said = []
    for token in tokens:
        if said and said[-1][0] == token.role:
            said[-1] = token.role, said[-1][1] + token.text
        else:
            said.append((token.role, token.text))
    return [(role, " ".join(text.split())) for role, text in said if role != "template"]


@pytest.mark.parametrize("template", [MARKUP, MERGED])
def test_each_token_has_the_role_of_the_turn_whose_words_it_holds(speaking, template):
    expected = [(turn["role"], " ".join(turn["content"].split())) for turn in TURNS]
    assert runs(speaking(template).tokenize(Conversation.of(TURNS))) == expected


def test_roles_are_known_where_a_tokenizer_writes_spaces_as_marks(tmp_path):
    lm = tiny(tmp_path, word_tokenizer())
    lm.tokenizer.chat_template = (
        "{% for m in messages %}{{ 'FF ' + m.content + ' PP' }}{% endfor %}"
    )
    messages = [{"role": "user", "content": "the cat"}, {"role": "assistant", "content": "sat"}]
    found = runs(lm.tokenize(Conversation.of(messages)))
    assert found == [("user", "the cat"), ("assistant", "sat")]


def test_the_parts_of_a_character_have_its_role(speaking):
    tokens = speaking(MARKUP).tokenize(Conversation.of([{"role": "user", "content": "猫"}]))
    parts = [token for token in tokens if token.role == "user"]
    assert "".join(token.text.strip("⟨⟩") for token in parts) == "E78CAB"


def test_a_special_token_that_a_turn_spells_is_the_turns_and_special(speaking):
    tokens = speaking(MARKUP).tokenize(Conversation.of([{"role": "user", "content": "a<s>b"}]))
    assert [(token.text, token.special) for token in tokens if token.role == "user"] == [
        ("a", False),
        ("<s>", True),
        ("b", False),
    ]


def test_a_template_that_cuts_what_is_said_gives_tokens_without_roles(speaking):
    lm = speaking(THINKING)
    messages = [*USER, {"role": "assistant", "content": "hm</think>the cat"}]
    tokens = lm.tokenize(Conversation.of(messages))
    assert "".join(token.text for token in tokens) == "|the dog ran|the cat"
    assert {token.role for token in tokens} == {None}
    # where there is nothing to cut, it is told
    assert runs(lm.tokenize(Conversation.of(USER))) == [("user", "the dog ran")]


def test_a_state_of_a_conversation_is_that_of_its_tokens(tmp_path):
    """Any position of any turn, and at every site."""
    lm = tiny(tmp_path, byte_tokenizer())
    lm.tokenizer.chat_template = MARKUP
    talk = Conversation.of(TURNS)
    text = lm.tokenizer.apply_chat_template(TURNS, add_generation_prompt=True, tokenize=False)
    lm.tokenizer.backend_tokenizer.post_processor = (
        byte_tokenizer().backend_tokenizer.post_processor
    )
    for site in ("prelogit", "block:0"):
        state, same = lm.capture(talk, 20, site), lm.capture(text, 20, site)
        assert state.vector.equal(same.vector)
        assert (state.prompt, state.here.id) == (talk, same.here.id)


def test_a_plain_prompt_has_no_roles_and_bos_is_special(lm):
    first, *rest = lm.tokenize("the dog ran")
    assert (first.text, first.special) == ("<s>", True)
    assert not any(token.special for token in rest)
    assert {token.role for token in (first, *rest)} == {None}


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (None, "has none, as base models"),
        (NO_SYSTEM, r"refuses this one \(no system role\): change the turns"),
        ("{% if %}", "refuses this one"),
        ("{{ messages[7].content.x }}", "refuses this one"),
        ("{{ 'x' * 10**10 }}", "MemoryError"),
        ("{{ 'x' * 1100000 }}", "characters, more than 1000000"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "recursion"),
        ("", "at least one token"),
    ],
)
def test_a_template_that_fails_is_one_sentence(speaking, template, words):
    with pytest.raises(StabilityError, match=words) as refused:
        speaking(template).tokenize(Conversation.of(TURNS))
    assert "\n" not in str(refused.value)


def test_a_template_without_end_is_given_up(speaking, monkeypatch, tmp_path):
    """A process of its own, so that neither time nor memory is lost."""
    source, impatient = Path(chat_renderer.__file__), tmp_path / "renderer.py"
    impatient.write_text(
        source.read_text("utf-8").replace("SECONDS, MEMORY = 5,", "SECONDS, MEMORY = 1,"), "utf-8"
    )
    monkeypatch.setattr(chat_renderer, "__file__", str(impatient))
    endless = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    with pytest.raises(StabilityError, match="must write a conversation out within") as refused:
        speaking(endless).tokenize(Conversation.of(USER))
    assert "\n" not in str(refused.value)


def test_what_a_template_writes_of_the_day_is_of_today(speaking):
    tokens = speaking("{{ strftime_now('%Y-%m-%d') }}").tokenize(Conversation.of(USER))
    text = "".join(token.text for token in tokens)
    # the day may end between the two
    assert text in {time.strftime("%Y-%m-%d", time.localtime(time.time() - ago)) for ago in (0, 60)}
