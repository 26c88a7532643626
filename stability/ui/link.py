"""The link of a page: all that a person has set there, in the query, so that it can be handed on.

The server writes its part whenever that differs from what stands there, which is a step that the
browser's back button takes back. What only the browser needs, it writes and reads itself: see
`instrument/js/view.js`. A text that is long is compressed, by zlib and base64url, under its name with
`_z` at the end.
"""

import base64
import binascii
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

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


def follow(page: Page) -> None:
    """Set the session to what the link asks for, unless the session has written that link itself.

    A page that is opened by the side bar has an empty link, and keeps what is set; so does one that is
    acted on, as the link that comes with an event may be older than what was written last. What had to
    be changed is kept in the session's `link_notes`, until another link is opened.
    """
    state, notes = st.session_state, []
    is_opened, asked = state.get("page") != page.title, _unpacked(st.query_params.to_dict(), page)
    acts = state.pop("acts", False)
    is_followed = bool(asked) if is_opened else asked != state.link and not acts
    state.page, state.link = page.title, asked
    if not is_followed:
        return
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
    state.link_notes = notes


def write(page: Page) -> None:
    """Write the link of what is set, if it is not there already."""
    texts = {field.name: field.write() for field in page.fields}
    written = {name: text for name, text in texts.items() if text is not None}
    if written == st.session_state.link:
        return
    st.session_state.link = written
    names = {name for field in page.fields for name in (field.name, field.name + COMPRESSED)}
    others = {name: st.query_params[name] for name in st.query_params if name not in names}
    st.query_params.from_dict({**_packed(written), **others})


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
