"""Apply a model's chat template: the text of a conversation, and who speaks in it."""

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache

from transformers import PreTrainedTokenizerBase

from stability.errors import StabilityError
from stability.models import chat_renderer
from stability.models.foreign import LONGEST_REASON
from stability.prediction.conversation import Conversation
from stability.prediction.provenance import TEMPLATE
from stability.text import printable

# seconds, most of them to start Python on a busy machine; the renderer itself bounds its computing
PATIENCE = 60
# the first of the characters that stand for roles: Unicode leaves its plane to private use
MARK = 0x100000


@dataclass(frozen=True)
class Rendered:
    """A conversation as the model reads it.

    `speakers` has the role of each character, `template` for what no turn said; None where the
    template changes what is said, so that it cannot be told.
    """

    text: str
    speakers: tuple[str, ...] | None


def render(tokenizer: PreTrainedTokenizerBase, conversation: Conversation, model: str) -> Rendered:
    """Write out a conversation by the tokenizer's chat template, as transformers does.

    Raises StabilityError if there is no template, or if it refuses the conversation; `model` names
    the model in it.
    """
    roles = list(dict.fromkeys(turn.role for turn in conversation.turns))
    written = (
        conversation,
        _masked(conversation, roles),
        _masked(conversation, roles, inside=True),
    )
    plain, *masked = _answers(
        model,
        _template(tokenizer, model),
        json.dumps(tokenizer.special_tokens_map, default=str),
        tuple(map(str, written)),
        conversation.awaits_reply,
        # a template may write it
        date.today(),
    )
    if "text" not in plain:
        said = printable(textwrap.shorten(plain["error"], LONGEST_REASON, placeholder="…"))
        raise StabilityError(
            f"A conversation must suit the chat template of {model!r}, which refuses this one "
            f"({said.rstrip('.')}): change the turns, or give the text itself as the prompt."
        )
    found = (_speakers(plain["text"], answer.get("text", ""), roles) for answer in masked)
    return Rendered(plain["text"], next(filter(None, found), None))


def _template(tokenizer: PreTrainedTokenizerBase, model: str) -> str:
    try:
        return tokenizer.get_chat_template()
    except Exception as error:
        raise StabilityError(
            f"A conversation needs a chat template; {model!r} has none, as base models: give the text "
            "itself as the prompt, or choose a model that is tuned for chat."
        ) from error


@lru_cache(maxsize=64)
def _answers(
    model: str,
    template: str,
    special_tokens: str,
    conversations: tuple[str, ...],
    reply: bool,
    _day: date,
) -> list[dict[str, str]]:
    """Let the renderer answer for each conversation with its text, or an error."""
    asked = {
        "conversations": [json.loads(conversation) for conversation in conversations],
        "arguments": {
            **json.loads(special_tokens),
            "chat_template": template,
            "add_generation_prompt": reply,
        },
    }
    try:
        done = subprocess.run(
            # without the script's folder on the path, whose names would hide those of packages
            [sys.executable, "-P", chat_renderer.__file__],
            input=json.dumps(asked),
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE,
            # buffers of idle threads would count as its memory
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            check=True,
        )
        return json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise StabilityError(
            f"A chat template must write a conversation out within {chat_renderer.SECONDS} s and "
            f"{chat_renderer.MEMORY / 2**30:g} GiB; that of {model!r} did not "
            f"({type(error).__name__}): give the text itself as the prompt."
        ) from error


def _masked(conversation: Conversation, roles: Sequence[str], inside: bool = False) -> Conversation:
    """The conversation with every character replaced by one that stands for the role.

    With `inside`, white space around a turn stays, for a template that trims.
    """
    turns = []
    for turn in conversation.turns:
        said = turn.content.strip() if inside else turn.content
        before, _, after = turn.content.partition(said) if said else (turn.content, "", "")
        mark = chr(MARK + roles.index(turn.role))
        turns.append(replace(turn, content=before + mark * len(said) + after))
    return Conversation(tuple(turns))


def _speakers(plain: str, masked: str, roles: Sequence[str]) -> tuple[str, ...] | None:
    """The role of each character of a text, from the same text with marks for what turns said.

    None unless the two differ in the marks alone.
    """
    if len(plain) != len(masked):
        return None
    role_of = {chr(MARK + index): role for index, role in enumerate(roles)}
    if any(c != mark and mark not in role_of for c, mark in zip(plain, masked, strict=True)):
        return None
    return tuple(role_of.get(mark, TEMPLATE) for mark in masked)
