"""The link of a page: all that a person has set there, in the query, so that it can be handed on.

The server writes its part whenever that differs from what stands there, which is a step that the
browser's back button takes back if a person has done something since the last: see
`widgets/history.js`. What only the browser needs, it writes and reads itself: see
`instrument/js/view.js`. A text that is long is compressed, by zlib and base64url, under its name with
`_z` at the end.
"""

import base64
import binascii
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from stability.errors import StabilityError

LONG, LONGEST = 300, 1_000_000
COMPRESSED = "_z"


@dataclass(frozen=True)
class Field:
    """A part of a page's state, by its name in the link.

    `read` sets it in the session, from its text or to its default, and raises StabilityError where it
    had to be changed; `write` tells its text, None where it is the default.
    """

    name: str
    read: Callable[[str | None], None]
    write: Callable[[], str | None]


@dataclass(frozen=True)
class Page:
    """A page's title and the fields of its link."""

    title: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class Shown:
    """The link of the page that a session is on, and whether its browser is known to show it.

    It is kept as one value, as a run may be stopped between any two assignments.
    """

    title: str
    texts: dict[str, str | None]
    is_seen: bool


def is_opened(page: Page) -> bool:
    """Whether the session comes from another page, or begins here."""
    shown: Shown | None = st.session_state.get("link")
    return shown is None or shown.title != page.title


def follow(page: Page) -> None:
    """Set the session to what the link asks for, where a person has opened it.

    A page that is opened by the side bar has an empty link, and keeps what is set. So does one whose
    browser has not shown yet what was written last: all that it sends comes with an older link. What
    had to be changed is kept in the session's `link_notes`, until another link is opened.
    """
    state, asked, opened = st.session_state, _asked(page), is_opened(page)
    is_new = bool(asked) if opened else asked != state.link.texts
    if is_new and (opened or state.link.is_seen or _is_back_or_forward()):
        _read(page, asked)
    elif is_new:
        return
    # only now, as a run that was stopped before has not followed it
    state.link = Shown(page.title, asked, is_seen=True)


def _read(page: Page, asked: Mapping[str, str | None]) -> None:
    """Set every field, and note what had to be changed."""
    notes = []
    for field in page.fields:
        try:
            field.read(text := asked.get(field.name))
        except StabilityError as error:
            notes.append(f"The link: {error}")
        if text is not None and len(text) >= LONGEST:
            notes.append(
                f"The link: {field.name} is longer than {LONGEST:,} characters, and was cut."
            )
        if field.name in asked and text is None:
            notes.append(f"The link: {field.name}{COMPRESSED} is damaged: copy the whole link.")
    st.session_state.link_notes = notes


def see(page: Page) -> None:
    """Note that the browser shows the link, when it runs a fragment alone."""
    shown: Shown = st.session_state.link
    if shown.is_seen:
        return
    context = get_script_run_ctx()
    if context and context.fragment_ids_this_run and _asked(page) == shown.texts:
        st.session_state.link = replace(shown, is_seen=True)


def write(page: Page) -> None:
    """Write the link of what is set, if it is not there already."""
    texts = {field.name: field.write() for field in page.fields}
    written = {name: text for name, text in texts.items() if text is not None}
    if written == _asked(page):
        return
    st.session_state.link = Shown(page.title, dict(written), is_seen=False)
    names = {name for field in page.fields for name in (field.name, field.name + COMPRESSED)}
    others = {name: st.query_params[name] for name in st.query_params if name not in names}
    st.query_params.from_dict({**_packed(written), **others})


def _is_back_or_forward() -> bool:
    """Whether this run was asked for by the browser's button back or forward."""
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation


def _asked(page: Page) -> dict[str, str | None]:
    """What the query says of a page, as the browser has sent it or this run has written it."""
    return _unpacked(st.query_params.to_dict(), page)


def _packed(texts: Mapping[str, str]) -> dict[str, str]:
    packed = {}
    for name, text in texts.items():
        if len(text) > LONG:
            squeezed = zlib.compress(text.encode(), 9)
            packed[name + COMPRESSED] = base64.urlsafe_b64encode(squeezed).decode().rstrip("=")
        else:
            packed[name] = text
    return packed


def _unpacked(query: Mapping[str, str], page: Page) -> dict[str, str | None]:
    """The texts of a page's fields in a query; None for one that cannot be unpacked."""
    texts: dict[str, str | None] = {}
    for field in page.fields:
        if field.name in query:
            texts[field.name] = query[field.name][:LONGEST]
        elif (squeezed := query.get(field.name + COMPRESSED)) is not None:
            texts[field.name] = _unsqueezed(squeezed)
    return texts


def _unsqueezed(text: str) -> str | None:
    try:
        data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        stream = zlib.decompressobj()
        found = stream.decompress(data, LONGEST)
    except (binascii.Error, zlib.error, ValueError):
        return None
    is_whole = stream.eof or len(found) == LONGEST
    return found.decode(errors="ignore") if is_whole else None


def differs(name: str, demand: str, received: str, instead: object) -> StabilityError:
    """What is said of a part that had to be changed."""
    return StabilityError(
        f"{name} must be {demand}; received {received!r:.60}: {instead} is shown."
    )


def listed(options: Sequence[str]) -> str:
    """Options in a sentence."""
    *others, last = options
    return f"{', '.join(others)} or {last}" if others else last
