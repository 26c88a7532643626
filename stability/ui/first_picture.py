"""The first picture, which is in the page before Streamlit's own scripts run, and the files it needs.

Streamlit's page is empty until its scripts have run, which takes longer than all that the instrument
does. So the document of the default choice brings the instrument with its shipped scene, draws that,
and only then starts Streamlit; the page's own component takes over what is drawn (`instrument.js`).
"""

import html
import json
import re
from dataclasses import replace
from functools import cache, lru_cache
from urllib.parse import parse_qs

import streamlit as st
from starlette.middleware import Middleware

from stability.instrument import bundle, first
from stability.ui import scripts
from stability.ui.http import App, Message, Receive, Send, compressed, is_get, whole
from stability.ui.link import COMPRESSED
from stability.ui.streamlit_scripts import later_scripts
from stability.ui.widgets.resources import resource

# what starts Streamlit, in its own document
START = re.compile(r'<script type="module" crossorigin src="([^"]+)"></script>')
BODY_END = "</body>"
# of the answer: what is not true of a changed document
FORMER = {b"etag", b"last-modified", b"content-length", b"accept-ranges"}
# a page inside another has no title and no side bar
EMBEDDED = {"embed", "embed_options"}


class FirstPicture:
    """Middleware that draws in the document of the default choice."""

    def __init__(self, app: App) -> None:
        # not before there is a runtime, as results are cached in it
        from stability.ui.pages.explore.page import HEADLINE, PAGE

        fields = {field.name for field in PAGE.fields}
        self._app, self._headline = app, HEADLINE
        self._chosen = fields | {name + COMPRESSED for name in fields} | EMBEDDED

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request, or have the app answer it."""
        if not is_get(scope) or not self._is_default(scope):
            return await self._app(scope, receive, send)
        if (answer := await whole(self._app, scope, receive)) is None:
            return
        headers = tuple((name, value) for name, value in answer.headers if name not in FORMER)
        drawn_in = replace(answer, headers=headers, body=_drawn_in(answer.body, self._headline))
        await compressed(drawn_in, scope).send(send)

    def _is_default(self, scope: Message) -> bool:
        """Whether an address is that of Explore and names nothing that the server chooses by."""
        base = (st.get_option("server.baseUrlPath") or "").strip("/")
        path = scope["path"].removeprefix(scope.get("root_path", "")).strip("/")
        asked = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        return path in {"", base} and self._chosen.isdisjoint(asked)


# what the app's server does beside Streamlit
MIDDLEWARE = (Middleware(scripts.ServedScripts), Middleware(FirstPicture))


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
    head, body = _pieces(start[1], later_scripts(text, start[1]), headline)
    text = text.replace(start[0], head, 1)
    before, _, after = text.rpartition(BODY_END)
    return f"{before}{body}{BODY_END}{after}".encode()


def _pieces(start: str, later: list[str], headline: str) -> tuple[str, str]:
    """What stands in the head instead of what starts Streamlit, and at the end of the body."""
    own = f"./{scripts.address('instrument')}"
    # in the body, as Streamlit adds its own rules to the head: the page has its measures from the start
    style = f"<style>{resource('page.css')}{resource('first_picture.css')}</style>"
    instrument = f'<style id="first-picture-style">{bundle.style()}</style>'
    head = f"""<link rel="modulepreload" href="{own}">
    <link rel="modulepreload" crossorigin href="{start}">"""
    written = resource("first_picture.html")
    said = {
        "headline": headline,
        "prompt": first.PROMPT,
        "scripts": own,
        "streamlit": start,
        "parts": " ".join(later),
    }
    for name, text in said.items():
        written = written.replace(f"{{{name}}}", html.escape(text))
    written = written.replace("{scene}", _scene()).replace("{script}", resource("first_picture.js"))
    return head, f"{style}{instrument}{written}"


@cache
def _scene() -> str:
    """The shipped scene, as data in a document."""
    scene = json.dumps(first.first(), ensure_ascii=False, separators=(",", ":"))
    return scene.replace("<", r"\u003c")
