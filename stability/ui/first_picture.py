"""The first picture, which is in the page before Streamlit's own scripts run, and the files it needs.

Streamlit's page is empty until its scripts have run, which takes longer than all that the instrument
does. So the document of the default choice brings the instrument with its shipped scene, draws that,
and only then starts Streamlit; the page's own component takes over what is drawn (`instrument.js`).
"""

import gzip
import html
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache, lru_cache
from typing import Any
from urllib.parse import parse_qs

import streamlit as st

from stability.instrument import bundle, first
from stability.ui import scripts
from stability.ui.link import COMPRESSED
from stability.ui.widgets.resources import resource

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

# what starts Streamlit, in its own document
START = re.compile(r'<script type="module" crossorigin src="([^"]+)"></script>')
BODY_END = "</body>"
# of a request: what would answer it by a document of another version, or by a part
CONDITIONS = {b"if-none-match", b"if-modified-since", b"if-range", b"range"}
# of the answer: what is not true of a changed document
FORMER = {b"etag", b"last-modified", b"content-length", b"accept-ranges"}
# a page inside another has no title and no side bar
EMBEDDED = {"embed", "embed_options"}
KEPT = b"public, immutable, max-age=31536000"


class FirstPicture:
    """Middleware that serves the scripts of the sheets, and draws in the document of the default."""

    def __init__(self, app: App) -> None:
        # not before there is a runtime, as results are cached in it
        from stability.ui.pages.explore.page import HEADLINE, PAGE

        fields = {field.name for field in PAGE.fields}
        self._app, self._headline = app, HEADLINE
        self._chosen = fields | {name + COMPRESSED for name in fields} | EMBEDDED

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request, or have the app answer it."""
        if scope["type"] != "http" or scope["method"] != "GET":
            return await self._app(scope, receive, send)
        text = scripts.served().get(scope["path"].rpartition("/")[2])
        if text is not None:
            return await _answer(scope, send, 200, _scripts_headers(), text)
        if not self._is_default(scope):
            return await self._app(scope, receive, send)
        await self._draw_in(scope, receive, send)

    def _is_default(self, scope: Message) -> bool:
        """Whether an address is that of Explore and names nothing that the server chooses by."""
        base = (st.get_option("server.baseUrlPath") or "").strip("/")
        path = scope["path"].removeprefix(scope.get("root_path", "")).strip("/")
        asked = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        return path in {"", base} and self._chosen.isdisjoint(asked)

    async def _draw_in(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = [(name, value) for name, value in scope["headers"] if name not in CONDITIONS]
        answer: Message = {"status": 500, "headers": []}
        parts: list[bytes] = []

        async def keep(message: Message) -> None:
            answer.update(message)
            parts.append(message.get("body", b""))

        await self._app({**scope, "headers": headers, "extensions": {}}, receive, keep)
        kept = [(name, value) for name, value in answer["headers"] if name not in FORMER]
        await _answer(scope, send, answer["status"], kept, _drawn_in(b"".join(parts), self._headline))


async def _answer(
    scope: Message, send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    """Send a body, compressed where the browser takes that; each is compressed only once."""
    accepted = dict(scope["headers"]).get(b"accept-encoding", b"")
    headers = [*headers, (b"vary", b"accept-encoding")]
    if b"gzip" in accepted and b"content-encoding" not in dict(headers):
        body, headers = _compressed(body), [*headers, (b"content-encoding", b"gzip")]
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


def _scripts_headers() -> list[tuple[bytes, bytes]]:
    return [(b"content-type", b"text/javascript; charset=utf-8"), (b"cache-control", KEPT)]


@lru_cache(8)
def _compressed(body: bytes) -> bytes:
    return gzip.compress(body, 9, mtime=0)


@lru_cache(2)
def _drawn_in(document: bytes, headline: str) -> bytes:
    """Streamlit's document with the first picture; as it is, where it is not the one we know."""
    try:
        text = document.decode()
    except UnicodeDecodeError:
        return document
    start = START.search(text)
    if start is None or BODY_END not in text:
        return document
    head, body = _pieces(start[1], headline)
    text = text.replace(start[0], head, 1)
    before, _, after = text.rpartition(BODY_END)
    return f"{before}{body}{BODY_END}{after}".encode()


def _pieces(start: str, headline: str) -> tuple[str, str]:
    """What stands in the head instead of what starts Streamlit, and at the end of the body."""
    own = f"./{scripts.address('instrument')}"
    style = f"<style>{resource('page.css')}{resource('first_picture.css')}</style>"
    instrument = f'<style id="first-picture-style">{bundle.style()}</style>'
    head = f"""<link rel="modulepreload" href="{own}">
    <link rel="modulepreload" crossorigin href="{start}">
    {style}{instrument}"""
    written = resource("first_picture.html")
    said = {"headline": headline, "prompt": first.PROMPT, "scripts": own, "streamlit": start}
    for name, text in said.items():
        written = written.replace(f"{{{name}}}", html.escape(text))
    return head, written.replace("{scene}", _scene()).replace("{script}", resource("first_picture.js"))


@cache
def _scene() -> str:
    """The shipped scene, as data in a document."""
    scene = json.dumps(first.first(), ensure_ascii=False, separators=(",", ":"))
    return scene.replace("<", r"\u003c")
