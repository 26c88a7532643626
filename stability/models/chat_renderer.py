"""Write out conversations by a chat template, in a process of its own.

A template is a program that came with a model: transformers runs it in a sandbox, which bounds neither
its time nor its memory. Started by `stability.models.chat`, which sends the arguments of transformers'
`render_jinja_template` as JSON, the conversations apart, and reads a text or an error for each.
"""

import json
import sys
import time
from contextlib import suppress
from typing import Any

from transformers.utils.chat_template_utils import render_jinja_template

# of processor time, and bytes
SECONDS, MEMORY = 5, 4 * 2**30
# characters that a template may add to what is said
LONGEST = 1_000_000


def limit() -> None:
    """End this process when it computes for too long, and let it have no more than so much memory."""
    # Windows has no such limits
    with suppress(ImportError):
        import resource

        for kind, most in (
            (resource.RLIMIT_CPU, int(time.process_time()) + SECONDS),
            (resource.RLIMIT_AS, MEMORY),
        ):
            _, hard = resource.getrlimit(kind)
            soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(kind, (soft, hard))


def render(conversation: list[dict[str, str]], arguments: dict[str, Any]) -> dict[str, str]:
    """The text of one conversation, or the error that its template raised."""
    try:
        [text], _ = render_jinja_template(conversations=[conversation], **arguments)
    except Exception as error:
        return {"error": f"{error}" or type(error).__name__}
    added = len(text) - sum(len(message["content"]) for message in conversation)
    if added > LONGEST:
        return {"error": f"it adds {added} characters, more than {LONGEST}"}
    return {"text": text}


def main() -> None:
    """Answer what is asked on standard input."""
    asked = json.load(sys.stdin)
    limit()
    answers = [render(conversation, asked["arguments"]) for conversation in asked["conversations"]]
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
