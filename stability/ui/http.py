"""Requests to the app's server and their answers, as ASGI has them."""

import gzip
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]

# of a request: what would have it answered by a part, by the word that nothing has changed, or packed
CONDITIONS = {b"if-none-match", b"if-modified-since", b"if-range", b"range", b"accept-encoding"}


@dataclass(frozen=True)
class Answer:
    """The whole of an answer."""

    status: int
    headers: Headers
    body: bytes

    async def send(self, send: Send) -> None:
        """Send it."""
        start = {"type": "http.response.start", "status": self.status, "headers": [*self.headers]}
        await send(start)
        await send({"type": "http.response.body", "body": self.body})


def is_get(scope: Message) -> bool:
    """Whether something is asked for, and nothing sent."""
    return scope["type"] == "http" and scope["method"] == "GET"


async def whole(app: App, scope: Message, receive: Receive) -> Answer | None:
    """What an app answers a request, were it asked for all of it; None where the asker has gone."""
    asked = [(name, value) for name, value in scope["headers"] if name not in CONDITIONS]
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    await app({**scope, "headers": asked, "extensions": {}}, receive, keep)
    start, *parts = messages or [{}]
    if not parts or parts[-1].get("more_body", False):
        return None
    body = b"".join(part.get("body", b"") for part in parts)
    return Answer(start["status"], tuple(map(tuple, start["headers"])), body)


def compressed(answer: Answer, scope: Message) -> Answer:
    """The same, compressed where the browser takes that."""
    length = (b"content-length", str(len(answer.body)).encode())
    headers = (*answer.headers, (b"vary", b"accept-encoding"))
    if b"gzip" not in dict(scope["headers"]).get(b"accept-encoding", b""):
        return Answer(answer.status, (*headers, length), answer.body)
    body = _compressed(answer.body)
    length = (b"content-length", str(len(body)).encode())
    return Answer(answer.status, (*headers, length, (b"content-encoding", b"gzip")), body)


@lru_cache(8)
def _compressed(body: bytes) -> bytes:
    return gzip.compress(body, 9, mtime=0)
