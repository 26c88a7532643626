"""Tokens of a prompt, the text of a token id, and the token id of a text."""

import re

from transformers import PreTrainedTokenizerBase
from transformers.convert_slow_tokenizer import bytes_to_unicode

from stability.errors import StabilityError
from stability.prediction.provenance import Token
from stability.text import unspelled

BYTE_FALLBACK = re.compile("<0x([0-9A-Fa-f]{2})>")


def tokenized(
    tokenizer: PreTrainedTokenizerBase, prompt: str, context: int | None, model: str
) -> tuple[Token, ...]:
    """Split a prompt into its tokens.

    Raises StabilityError if there are none, or more than `context`; `model` names the model in it.
    """
    ids = tokenizer(prompt, verbose=False).input_ids if prompt else []
    if not ids:
        raise StabilityError(
            f"A prompt needs at least one token; received {prompt!r}: type some text."
        )
    if context is not None and len(ids) > context:
        raise StabilityError(
            f"{model} reads at most {context} tokens; this prompt has "
            f"{len(ids)}: shorten it by {len(ids) - context} tokens."
        )
    return tuple(Token(index, i, token_text(tokenizer, i)) for index, i in enumerate(ids))


def token_text(tokenizer: PreTrainedTokenizerBase, token: int) -> str:
    """Decode one token id, with the space that some tokenizers strip from a first word.

    A token that is only a part of a character is written as its bytes, `⟨E7⟩`, and a row of the
    unembedding that is no token as its id, `⟨id 301⟩`: decoded, many such tokens would look alike.
    """
    piece = tokenizer.convert_ids_to_tokens(token)
    if piece is None:
        return f"⟨id {token}⟩"
    text = str(tokenizer.decode([token]))
    if "\ufffd" in text:
        return _in_hexadecimal(str(piece))
    spaces = len(piece) - len(piece.lstrip("▁"))
    return " " * spaces + text.lstrip(" ") if spaces else text


def token_id(tokenizer: PreTrainedTokenizerBase, text: str, model: str) -> int:
    """Find the one token that spells `text`, in which `␣`, `⏎` and `⇥` are space, newline and tab.

    A decimal number is taken as the id itself. Raises StabilityError if the text takes no token or
    several; `model` names the model in it.
    """
    if text.strip().isdecimal():
        return int(text)
    plain = unspelled(text)
    ids = tokenizer(plain, add_special_tokens=False).input_ids
    if len(ids) != 1:
        parts = ", ".join(repr(token_text(tokenizer, i)) for i in ids) or "none"
        raise StabilityError(
            f"A single token is needed; {model} reads {plain!r} as {parts}: type the "
            "text of one token, with ␣ for a space before it, or its id."
        )
    return int(ids[0])


def _in_hexadecimal(piece: str) -> str:
    """Spell a piece by its bytes: those of a byte-level BPE, or one of a byte fallback, `<0xE7>`.

    Return a piece of another kind as it is.
    """
    if fallback := BYTE_FALLBACK.fullmatch(piece):
        return f"⟨{fallback[1].upper()}⟩"
    byte_of = {letter: byte for byte, letter in bytes_to_unicode().items()}
    if not all(letter in byte_of for letter in piece):
        return piece
    return "⟨" + "".join(f"{byte_of[letter]:02X}" for letter in piece) + "⟩"
