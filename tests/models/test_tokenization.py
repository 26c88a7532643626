"""Tokens of a prompt, and the texts of token ids that spell none of their own."""

import pytest
from support.models import FAMILIES, VOCAB, byte_tokenizer, save_model
from tokenizers import Tokenizer, decoders, normalizers, processors
from tokenizers.models import BPE
from transformers import AddedToken, PreTrainedTokenizerFast

from stability.errors import StabilityError
from stability.models import load
from stability.models.tokenization import token_text


@pytest.fixture(scope="module")
def byte_fallback():
    """A BPE without merges, whose unknown characters fall back to their bytes, as Llama 2's."""
    pieces = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "a"]
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    tokenizer = Tokenizer(BPE(vocabulary, [], unk_token="<unk>", byte_fallback=True))
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


@pytest.mark.parametrize("byte", [0x80, 0xC3, 0xE2, 0xFF])
def test_a_byte_that_is_no_character_is_shown_as_itself(byte_fallback, byte):
    assert token_text(byte_fallback, 1 + byte) == f"⟨{byte:02X}⟩"


def test_a_byte_that_is_a_character_is_that_character(byte_fallback):
    assert token_text(byte_fallback, 1 + ord("q")) == "q"


def test_rows_of_the_unembedding_beyond_the_tokenizer_go_by_their_ids(tmp_path):
    lm = load(str(save_model(tmp_path, FAMILIES["llama"]())), device="cpu")
    assert len(lm.tokenizer) < VOCAB
    texts = [lm.text(token) for token in range(len(lm.tokenizer), VOCAB)]
    assert texts == [f"⟨id {token}⟩" for token in range(len(lm.tokenizer), VOCAB)]


@pytest.fixture
def lm(tmp_path):
    return load(str(save_model(tmp_path, FAMILIES["llama"]())), device="cpu")


def test_no_token_is_shown_as_nothing(lm, monkeypatch):
    monkeypatch.setattr(lm.tokenizer, "decode", lambda *arguments, **options: "")
    assert lm.text(7) == "⟨id 7⟩"


def test_a_mark_of_space_that_is_no_space_stays_one(lm):
    """As text of a byte-level tokenizer, which does not write spaces so."""
    lm.tokenizer.add_tokens(["▁▁x"])
    assert lm.text(lm.tokenizer.convert_tokens_to_ids("▁▁x")) == "▁▁x"


def test_a_decoder_that_tidies_up_takes_no_space(lm):
    lm.tokenizer.clean_up_tokenization_spaces = True
    lm.tokenizer.add_tokens([" ."])
    assert lm.text(lm.tokenizer.convert_tokens_to_ids(" .")) == " ."


def test_special_tokens_are_told_apart_from_the_text_that_looks_like_them(lm):
    lm.tokenizer.add_tokens([AddedToken("<|x|>", special=True), AddedToken("<y>", special=False)])
    tokens = lm.tokenize("<s><|x|><y>s")
    assert [(t.text, t.special) for t in tokens] == [
        ("<s>", True),
        ("<|x|>", True),
        ("<y>", False),
        ("s", False),
    ]


def test_a_prompt_whose_tokens_the_model_has_not_is_refused(lm):
    """A tokenizer larger than the embedding."""
    lm.tokenizer.add_tokens([f"<{number}>" for number in range(100)])
    assert lm.tokenize("<0>")
    for read in (lm.tokenize, lm.capture, lm.token_id):
        with pytest.raises(
            StabilityError, match=rf"between 0 and {VOCAB - 1} for .* received 3\d\d"
        ):
            read("<99>")


@pytest.mark.parametrize("digits", [str(VOCAB), "9" * 5000, "0" * 30 + "9" * 30])
def test_an_id_that_the_model_has_not_is_refused(lm, digits):
    with pytest.raises(StabilityError, match=f"between 0 and {VOCAB - 1}") as refused:
        lm.token_id(digits)
    assert len(str(refused.value)) < 300
    assert lm.token_id("0" * 30 + "7") == 7


def test_digits_of_another_script_are_text(lm):
    with pytest.raises(StabilityError, match="A single token is needed"):
        lm.token_id("٣")


@pytest.mark.parametrize("token", [-1, 10**12])
def test_whatever_a_tokenizer_raises_is_one_sentence(lm, token):
    with pytest.raises(
        StabilityError, match=f"Spelling token '{token}' must raise no error"
    ) as refused:
        lm.text(token)
    assert "\n" not in str(refused.value)
    with pytest.raises(StabilityError, match=r"Tokenizing a prompt for .* must raise no error"):
        lm.tokenize("\ud800")


def test_a_prompt_is_whatever_the_tokenizer_adds_to_it(tmp_path):
    """An empty text is BOS alone where there is one; an EOS that is added is the last position."""
    lm = load(
        str(save_model(tmp_path, FAMILIES["llama"](), byte_tokenizer(bos=True))), device="cpu"
    )
    assert [token.text for token in lm.tokenize("")] == ["<s>"]
    assert lm.capture("").position == 0
    lm.tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <s>", special_tokens=[("<s>", 0)]
    )
    assert lm.capture("the cat").here.text == "<s>"


def test_a_prompt_that_is_normalised_is_shown_as_it_is_read(lm):
    lm.tokenizer.backend_tokenizer.normalizer = normalizers.NFC()
    texts = [token.text for token in lm.tokenize("e\u0301")]
    assert "".join(text.strip("⟨⟩") for text in texts) == "C3A9"


@pytest.mark.parametrize("family", ["gpt2", "gemma3", "cohere", "llama"])
def test_a_folder_without_a_tokenizer_is_refused(tmp_path, family):
    """For some families transformers makes an empty one, to which every text is unknown tokens."""
    for file in save_model(tmp_path, FAMILIES[family]()).glob("tokenizer*"):
        file.unlink()
    with pytest.raises(StabilityError, match="tokenizer") as no:
        load(str(tmp_path), device="cpu")
    assert "\n" not in str(no.value)
