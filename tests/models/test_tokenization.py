"""The texts of token ids that spell no text of their own."""

import pytest
from support.models import FAMILIES, VOCAB, save_model
from tokenizers import Tokenizer, decoders
from tokenizers.models import BPE
from transformers import PreTrainedTokenizerFast

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
