"""Tokens of a prompt, the text of a token id, and the token id of a text."""

import re
from contextlib import suppress
from typing import Any

from transformers import BatchEncoding, PreTrainedTokenizerBase
from transformers.convert_slow_tokenizer import bytes_to_unicode

from stability.errors import StabilityError
from stability.models import chat
from stability.models.foreign import foreign
from stability.prediction.conversation import Conversation, PromptLike
from stability.prediction.provenance import TEMPLATE, ModelCard, Token
from stability.text import unspelled

BYTE_FALLBACK = re.compile("<0x([0-9A-Fa-f]{2})>")
# more digits than any id has, and fewer than Python refuses to read
MOST_DIGITS = 20
# no text can be told from another by fewer
LEAST_VOCABULARY = 2


def require_vocabulary(tokenizer: PreTrainedTokenizerBase, model: str) -> None:
    """Refuse a tokenizer without ordinary tokens: transformers makes one where its files are missing.

    To it every text is unknown tokens, or none. Raises StabilityError; `model` names the model in it.
    """
    # Mistral's own tokenizers do not tell what was added
    with suppress(NotImplementedError):
        ordinary = len(tokenizer) - len(tokenizer.added_tokens_decoder)
        if ordinary < LEAST_VOCABULARY:
            raise StabilityError(
                f"A model needs the tokenizer that it was trained with; {model!r} has none beyond "
                f"special tokens: put its tokenizer.json beside the weights."
            )


def tokenized(
    tokenizer: PreTrainedTokenizerBase,
    prompt: PromptLike,
    context: int | None,
    card: ModelCard,
) -> tuple[Token, ...]:
    """Split a prompt into its tokens; those of a conversation know whose words they hold.

    The tokens of a conversation are those of its text by the chat template, which writes BOS itself.

    Raises StabilityError if there are none, or more than `context`, or one that the model has not.
    """
    if isinstance(prompt, Conversation):
        rendered = chat.render(tokenizer, prompt, card.name)
        options = {"add_special_tokens": False, "return_offsets_mapping": tokenizer.is_fast}
        encoding = _encoded(tokenizer, rendered.text, card, **options)
        roles = _roles(encoding, rendered)
    else:
        encoding = _encoded(tokenizer, prompt, card)
        roles = [None] * len(encoding.input_ids)
    ids = encoding.input_ids
    if not ids:
        raise StabilityError(
            f"A prompt needs at least one token; received {str(prompt)!r:.80}: type some text."
        )
    if context is not None and len(ids) > context:
        raise StabilityError(
            f"{card.name} reads at most {context} tokens; this prompt has "
            f"{len(ids)}: shorten it by {len(ids) - context} tokens."
        )
    card.require_token(max(ids))
    special = _special_ids(tokenizer)
    return tuple(
        Token(index, i, token_text(tokenizer, i), role, i in special)
        for index, (i, role) in enumerate(zip(ids, roles, strict=True))
    )


def _encoded(
    tokenizer: PreTrainedTokenizerBase, text: str, card: ModelCard, **options: Any
) -> BatchEncoding:
    with foreign(
        "Tokenizing a prompt for", card.name, "change the prompt, or choose another model"
    ):
        return tokenizer(text, verbose=False, **options)


def _roles(encoding: BatchEncoding, rendered: chat.Rendered) -> list[str | None]:
    """Whose words each token of a conversation holds; in one that holds both, a turn's.

    Tokenizers leave white space out of offsets, and give those of a whole character for its parts: a
    token holds what lies between the end of the one before it and its own.
    """
    if rendered.speakers is None or "offset_mapping" not in encoding:
        return [None] * len(encoding.input_ids)
    roles: list[str | None] = []
    read = 0
    for start, end in encoding.offset_mapping:
        speakers = rendered.speakers[min(start, read) : end]
        roles.append(next((role for role in speakers if role != TEMPLATE), TEMPLATE))
        read = max(read, end)
    return roles


def _special_ids(tokenizer: PreTrainedTokenizerBase) -> set[int]:
    """The ids that the tokenizer keeps apart from text: BOS, EOS, and other control tokens."""
    special = set(tokenizer.all_special_ids)
    # Mistral's own tokenizers do not tell
    with suppress(NotImplementedError):
        special |= {i for i, added in tokenizer.added_tokens_decoder.items() if added.special}
    return special


def token_text(tokenizer: PreTrainedTokenizerBase, token: int) -> str:
    """Decode one token id, with the space that some tokenizers strip from a first word.

    A token that is only a part of a character is written as its bytes, `⟨E7⟩`, and a row of the
    unembedding that is no token as its id, `⟨id 301⟩`: decoded, many such tokens would look alike.
    """
    with foreign("Spelling token", str(token), "choose another model"):
        piece = tokenizer.convert_ids_to_tokens(token)
        # decoders tidy text up unless they are told not to: " ." would lose its space
        text = (
            ""
            if piece is None
            else str(tokenizer.decode([token], clean_up_tokenization_spaces=False))
        )
    if "\ufffd" in text:
        return _in_hexadecimal(str(piece))
    # a decoder that writes spaces for these marks strips the first ones
    spaces = 0 if piece is None or "▁" in text else len(piece) - len(piece.lstrip("▁"))
    text = " " * spaces + text.lstrip(" ") if spaces else text
    return text or f"⟨id {token}⟩"


def token_id(tokenizer: PreTrainedTokenizerBase, text: str, card: ModelCard) -> int:
    """Find the one token that spells `text`, in which `␣`, `⏎` and `⇥` are space, newline and tab.

    A decimal number is taken as the id itself. Raises StabilityError if the text takes no token or
    several, or one that the model has not.
    """
    number, plain = text.strip(), unspelled(text)
    if number.isascii() and number.isdecimal():
        ids = [int((number.lstrip("0") or "0")[:MOST_DIGITS])]
    else:
        ids = _encoded(tokenizer, plain, card, add_special_tokens=False).input_ids
    if len(ids) != 1:
        parts = ", ".join(repr(token_text(tokenizer, i)) for i in ids) or "none"
        raise StabilityError(
            f"A single token is needed; {card.name} reads {plain!r} as {parts}: type the "
            "text of one token, with ␣ for a space before it, or its id."
        )
    card.require_token(ids[0])
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
