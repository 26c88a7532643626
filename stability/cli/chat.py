"""A prompt on the command line: a text, or a conversation with a chat model."""

import argparse

from stability.errors import StabilityError
from stability.prediction.conversation import Conversation, PromptLike, Turn
from stability.text import is_unicode


def utf8(argument: str) -> str:
    """An argument that is text: Python gives other bytes as surrogates, which have no UTF-8 form."""
    if not is_unicode(argument):
        raise argparse.ArgumentTypeError(f"text must be UTF-8; received {argument!r:.80}")
    return argument


def add_chat(command: argparse.ArgumentParser) -> None:
    """Add the options by which PROMPT is part of a conversation, or all of one."""
    forms = command.add_mutually_exclusive_group()
    forms.add_argument(
        "--chat",
        action="store_true",
        help="PROMPT is said by a user to a chat model, whose template writes the text",
    )
    forms.add_argument(
        "--messages",
        action="store_true",
        help='PROMPT is a conversation: a JSON list like [{"role": "user", "content": "Hi"}]',
    )
    command.add_argument(
        "--system", metavar="TEXT", type=utf8, help="with --chat: a system prompt before it"
    )


def prompt_of(options: argparse.Namespace) -> PromptLike:
    """The text or the conversation that the options make of PROMPT."""
    if options.system is not None and not options.chat:
        raise StabilityError(
            f"A system prompt is part of a chat; received --system {options.system!r:.80} alone: give "
            "--chat too."
        )
    if options.messages:
        return Conversation.parse(options.prompt)
    if not options.chat:
        return str(options.prompt)
    system = () if options.system is None else (Turn("system", options.system),)
    return Conversation((*system, Turn("user", options.prompt)))
