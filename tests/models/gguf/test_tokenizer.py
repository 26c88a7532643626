"""The tokenizer of a GGUF, against pieces that its keys describe."""

from pathlib import Path

import pytest
from support.gguf_models import VOCAB, Values, described, read_back, write_model
from support.ggufs import refused
from tokenizers import pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

pytestmark = pytest.mark.slow

GGML = "tokenizer.ggml."
BYTES = [f"<0x{byte:02X}>" for byte in range(128)]
PIECES = ["<unk>", "<s>", "</s>", *BYTES, "▁", "a", "b", "▁a", "ab", "▁ab"]
SENTENCEPIECE: Values = {
    "model": "llama",
    "tokens": PIECES,
    "scores": [-float(rank) for rank in range(len(PIECES))],
    "token_type": [2, 3, 3, *[6] * 128, *[1] * 6],
    "merges": None,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())
# "Ġa" by way of merges, and "Ġab" that no merge makes
BYTE_LEVEL: Values = {"tokens": [*ALPHABET, "Ġa", "Ġab"], "token_type": [1] * VOCAB}
BYTE_LEVEL |= {"merges": ["Ġ a"], "bos_token_id": 0, "eos_token_id": 1}


def tokenizer_of(folder: Path, keys: Values, name: str = "llama") -> PreTrainedTokenizerFast:
    metadata = {f"{GGML}{key}": value for key, value in keys.items()}
    write_model(
        folder / "own.gguf", name, described(name, {"tie_word_embeddings": True}), metadata=metadata
    )
    read_back(folder / "own.gguf", folder / "read")
    return AutoTokenizer.from_pretrained(folder / "read")


def pieces(tokenizer: PreTrainedTokenizerFast, text: str) -> list[str]:
    return tokenizer.convert_ids_to_tokens(tokenizer(text).input_ids)


@pytest.mark.parametrize("name", ["llama", "phi3"])
@pytest.mark.parametrize(
    ("keys", "text", "wanted"),
    [
        ({}, "ab a", ["<s>", "▁ab", "▁a"]),
        ({}, " ab", ["<s>", "▁", "▁ab"]),
        ({"add_space_prefix": True}, "ab", ["<s>", "▁ab"]),
        ({"add_space_prefix": False}, "ab a", ["<s>", "ab", "▁a"]),
        ({"add_space_prefix": False}, " ab", ["<s>", "▁ab"]),
        ({"add_bos_token": False}, "a", ["▁a"]),
        ({"add_eos_token": True}, "a", ["<s>", "▁a", "</s>"]),
        ({"add_space_prefix": False}, "a?", ["<s>", "a", "<0x3F>"]),
    ],
)
def test_sentencepiece_adds_what_the_keys_say(tmp_path, name, keys, text, wanted):
    tokenizer = tokenizer_of(tmp_path, {**SENTENCEPIECE, **keys}, name)
    assert pieces(tokenizer, text) == wanted
    assert (
        tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True).strip()
        == text.strip()
    )


@pytest.mark.parametrize(
    ("pre", "text", "wanted"),
    [
        (None, "x  1234", ["x", " ", " 1234"]),
        ("gpt-2", "x  1234", ["x", " ", " 1234"]),
        ("smollm", "x  1234", ["x", "  ", "1", "2", "3", "4"]),
        ("starcoder", "it's", ["it", "'s"]),
        ("falcon", "a, 1234", ["a", ",", " ", "123", "4"]),
        ("default", "a+1234", ["a", "+", "123", "4"]),
        ("bloom", "a, 1234", ["a", ",", " 1234"]),
        ("llama-bpe", "x  1234", ["x", " ", " ", "123", "4"]),
        ("qwen2", "x 1234", ["x", " ", "1", "2", "3", "4"]),
        ("tekken", "aB 1234", ["a", "B", " ", "1", "2", "3", "4"]),
        ("gpt-4o", "aB 1234", ["a", "B", " ", "123", "4"]),
    ],
)
def test_bytes_are_merged_within_the_pieces_of_the_key(tmp_path, pre, text, wanted):
    splitter = tokenizer_of(tmp_path, {**BYTE_LEVEL, "pre": pre}).backend_tokenizer.pre_tokenizer
    assert [piece.replace("Ġ", " ") for piece, _ in splitter.pre_tokenize_str(text)] == wanted


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        ({"pre": "gpt-2"}, ["Ġa", "b"]),
        ({"pre": "gpt-2", "add_bos_token": True, "add_eos_token": True}, ["!", "Ġa", "b", '"']),
        ({"pre": "llama-bpe"}, ["!", "Ġab"]),
        ({"pre": "llama-bpe", "add_bos_token": False}, ["Ġab"]),
        ({"pre": "tekken"}, ["!", "Ġab"]),
    ],
)
def test_words_that_are_tokens_and_a_first_token_are_as_the_key_has_them(tmp_path, keys, wanted):
    assert pieces(tokenizer_of(tmp_path, {**BYTE_LEVEL, **keys}), " ab") == wanted


@pytest.mark.parametrize("name", ["qwen2", "qwen3"])
def test_qwens_compose_characters_and_split_digits_without_being_told(tmp_path, name):
    tokenizer = tokenizer_of(tmp_path, BYTE_LEVEL, name)
    assert tokenizer("e\u0301").input_ids == tokenizer("\u00e9").input_ids
    assert len(tokenizer("12").input_ids) == 2


def test_a_chat_template_is_kept_and_ids_of_other_tokens_are_let_be(tmp_path):
    template = "{{ messages[0].content }}"
    write_model(
        tmp_path / "own.gguf",
        "llama",
        described("llama", {}),
        metadata={
            "tokenizer.chat_template": template,
            "tokenizer.chat_template.tools": "{{ tools }}",
            f"{GGML}fim_pre_token_id": 3,
            f"{GGML}add_sep_token": False,
        },
    )
    read_back(tmp_path / "own.gguf", tmp_path / "read")
    assert AutoTokenizer.from_pretrained(tmp_path / "read").chat_template == template


REFUSED: list[tuple[str, Values, str]] = [
    ("llama", {"pre": "deepseek-llm"}, "'deepseek-llm', a way to split text"),
    ("qwen2", {"pre": "gpt-2"}, "reads back as another"),
    ("llama", {"model": "bert"}, "the kind 'bert'"),
    ("llama", {"model": None}, "the kind None"),
    ("llama", {"tokens": None}, "no key tokenizer.ggml.tokens"),
    ("llama", {"merges": None}, "no key tokenizer.ggml.merges"),
    ("llama", {**SENTENCEPIECE, "scores": None}, "no key tokenizer.ggml.scores"),
    ("llama", {**SENTENCEPIECE, "bos_token_id": None}, "no key tokenizer.ggml.bos_token_id"),
    ("gemma", {**SENTENCEPIECE, "add_space_prefix": True}, "add_space_prefix of a Gemma"),
    ("llama", {"add_space_prefix": True}, "add_space_prefix of a byte-level"),
    ("llama", {"remove_extra_whitespaces": True}, "remove_extra_whitespaces"),
    ("llama", {"precompiled_charsmap": "x"}, "precompiled_charsmap"),
    ("llama", {"a_key_to_come": 1}, "a_key_to_come"),
    ("llama", {"add_bos_token": 1}, "add_bos_token = '1', of a wrong type"),
    ("llama", {"tokens": [1] * VOCAB}, "tokens with elements of a wrong type"),
    ("llama", {"tokens": [*map(str, range(300))]}, "300 tokens with embeddings of 258"),
    ("llama", {"token_type": [1, 2]}, "token_type of 2 for 258 tokens"),
    ("llama", {"padding_token_id": 2**31}, f"padding_token_id = {2**31} of {VOCAB} tokens"),
    ("llama", {"merges": ["a"]}, "own.gguf must be a GGUF"),
    ("llama", {"eos_token_id": VOCAB}, f"eos_token_id = {VOCAB} of {VOCAB} tokens"),
]


@pytest.mark.parametrize(("name", "keys", "reason"), REFUSED)
def test_a_tokenizer_that_would_differ_in_silence_is_refused(tmp_path, name, keys, reason):
    refused(lambda: tokenizer_of(tmp_path, keys, name), "own.gguf", reason)
