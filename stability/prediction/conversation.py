"""What is said to a chat model, turn by turn: a prompt that the model's chat template writes out."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from stability.errors import StabilityError
from stability.text import is_unicode

ASSISTANT = "assistant"


@dataclass(frozen=True)
class Turn:
    """One message of a conversation.

    Attributes:
        role: who speaks: `system`, `user`, `assistant`, or another role that the template knows.
        content: the words.
    """

    role: str
    content: str


@dataclass(frozen=True)
class Conversation:
    """A prompt in turns, for a model with a chat template.

    The template opens a reply of the assistant after the last turn, unless that is the assistant's own.
    No position before depends on it: a prediction does not see what follows::

        prompt = stability.Conversation.of([{"role": "user", "content": "Hello"}])
        [(token.text, token.role) for token in lm.tokenize(prompt)]

    Attributes:
        turns: at least one, in order.

    >>> str(Conversation.of([{"role": "user", "content": "Hello"}]))
    '[{"role": "user", "content": "Hello"}]'
    """

    turns: tuple[Turn, ...]

    @classmethod
    def of(cls, messages: Any) -> "Conversation":
        """Make a conversation of messages, in the form that chat interfaces share.

        Args:
            messages: a list of dictionaries, each with a `role` and a `content`, both text.

        Returns:
            The conversation, one turn for each message.

        Raises:
            StabilityError: there is no message, or one has another form.
        """
        if not isinstance(messages, list | tuple) or not messages:
            raise StabilityError(_malformed(messages))
        return cls(tuple(_turn(message) for message in messages))

    @classmethod
    def parse(cls, text: str) -> "Conversation":
        """Read the written form: a JSON list of messages.

        Args:
            text: what `str` makes of a conversation.

        Returns:
            The conversation.

        Raises:
            StabilityError: the text is another.
        """
        try:
            messages = json.loads(text)
        except (ValueError, RecursionError):
            raise StabilityError(_malformed(text)) from None
        return cls.of(messages)

    def __str__(self) -> str:
        return json.dumps([asdict(turn) for turn in self.turns], ensure_ascii=False)

    @property
    def awaits_reply(self) -> bool:
        """Whether the assistant speaks next."""
        return self.turns[-1].role != ASSISTANT


PromptLike = str | Conversation


def _turn(message: Any) -> Turn:
    given = dict(message) if isinstance(message, Mapping) else {}
    # data sets write a field that a message does not have as null
    fields = {name: value for name, value in given.items() if value is not None}
    is_text = all(isinstance(value, str) and is_unicode(value) for value in fields.values())
    if fields.keys() != {"role", "content"} or not is_text:
        raise StabilityError(_malformed(message))
    return Turn(**fields)


def _malformed(received: Any) -> str:
    return (
        "A conversation is a list of messages, each with a role and a content that are UTF-8 text and "
        f'with nothing else; received {received!r:.80}: write [{{"role": "user", "content": "Hi"}}].'
    )
