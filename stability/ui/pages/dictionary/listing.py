"""The rows of a dictionary as a table, found by a text; a click opens one in Explore."""

import io
import json
from typing import Any

import streamlit as st

from stability.dictionaries.dictionary import Dictionary
from stability.dictionaries.report import write_table
from stability.dictionaries.row import DictionaryRow
from stability.text import counted, spelled
from stability.ui import wording
from stability.ui.cached import dictionary as cached
from stability.ui.cached.dictionary import DictionaryKey
from stability.ui.choice import look_along_choice, look_at, open_explore, read_and_look_along
from stability.ui.direction_choice import Pasted
from stability.ui.uploads import upload_at
from stability.ui.widgets.rows import draw_rows
from stability.ui.widgets.start import start_button
from stability.vector_files.layer_names import extracted_at

# rows that are followed to their boundaries; below the readout the network is run for each
LISTED, LISTED_BELOW = 20, 8
TABLE = "dictionary_rows"


def draw_listing(key: DictionaryKey, epsilon: float, rows: str) -> None:
    """Draw the rows once they are measured, or the button that starts it."""
    is_known = cached.has_measured(key)
    started, stop = start_button("dictionary_asked", key, f"Measure {rows}", at_once=is_known)
    if not started:
        return
    found = cached.measured(key, stop)
    for sentence in found.warnings:
        st.warning(wording.plain(sentence))
    search = st.text_input(
        "Find rows by a token that they push, or by index", key="dictionary_search"
    ).strip("\n")
    among = found.search(search) if search else found.order
    shown = LISTED if found.state.is_at_readout else LISTED_BELOW
    if not len(among):
        st.info("No row pushes such a token: try a part of it, or an index.")
        return
    listed = cached.followed(key, found.ranked(epsilon, shown, among), epsilon, stop)
    st.caption(_setting(found, epsilon, len(listed), len(among), bool(search)))
    draw_rows(cells_of(listed), TABLE, lambda row: open_row(key, found, listed[row].index))
    by_link = address_of(key, found, 0) is not None
    link = "whose link then names it" if by_link else "whose link cannot hold it"
    st.caption(f"Click a row to open it in Explore, {link}. {wording.plain(found.certainty)}")
    st.download_button(
        "Download all rows as CSV",
        lambda: _csv(found, epsilon),
        "dictionary.csv",
        on_click="ignore",
    )


def cells_of(rows: tuple[DictionaryRow, ...]) -> dict[str, list[Any]]:
    """The columns of the table."""
    columns: dict[str, list[Any]] = {
        "row": [spelled(row.name, 16) for row in rows],
        "radius r": [_number(row.radius) for row in rows],
        "boundary −": [_met(row, 0) for row in rows],
        "boundary +": [_met(row, 1) for row in rows],
    }
    if any(row.certified for row in rows):
        for side, sign in enumerate("−+"):
            columns[f"certified {sign}"] = [_bracket(row, side) for row in rows]
    for side, sign in ((1, "+"), (0, "−")):
        flips = [row.flips and row.flips[side] for row in rows]
        columns[f"first flip {sign}"] = [
            "–" if flip is None else f"{spelled(flip.text)} at {_number(flip.distance)}"
            for flip in flips
        ]
        columns[f"pushed {sign}"] = [_tokens(row.pushed[side]) for row in rows]
        columns[f"logits raised {sign}"] = [_tokens(row.steepest[side]) for row in rows]
    columns["r as a coefficient"] = [_number(row.coefficient) for row in rows]
    return columns


def open_row(key: DictionaryKey, found: Dictionary, index: int) -> None:
    """Look along a row in Explore, by its address if it has one, or by its numbers; for callbacks."""
    look_at(key.state.site)
    if (address := address_of(key, found, index)) is not None:
        read_and_look_along(address)
    else:
        st.session_state.kept_vector = given = vector_of(found, index)
        look_along_choice(given)
    st.session_state.position = key.state.position
    open_explore()


def address_of(key: DictionaryKey, found: Dictionary, index: int) -> str | None:
    """The written form of a row; None for one that no other session finds: of an upload, of a lens."""
    path = key.file.path
    return None if upload_at(path) or found.rows.are_tokens else f"{path}#{index}"


def vector_of(found: Dictionary, index: int) -> Pasted:
    """A row as a vector that is given: a list of numbers, of which no name of a file says a layer."""
    [values] = found.rows.part(index, index + 1).tolist()
    return Pasted(f"{found.rows.file}#{index}", json.dumps(values).encode())


def _setting(found: Dictionary, epsilon: float, listed: int, matching: int, by_text: bool) -> str:
    """What is listed, where the rows come from, and where they are measured."""
    of = counted(matching, "row")
    order = "that push such a token hardest" if by_text else "with the shortest radius"
    extracted = extracted_at(found.rows.extracted)
    return wording.plain(
        f"{listed} of {of} {order}. They were {extracted}, and are measured at {found.state.site}; "
        f"ε = {wording.nats(epsilon)}. Lengths are in the vector's own coordinates; its norm there "
        f"is {wording.number(found.state.norm)}."
    )


def _number(value: float | None) -> str:
    return wording.number(value)


def _met(row: DictionaryRow, side: int) -> str:
    if row.boundary is None or row.kinds is None:
        return "–"
    return wording.boundary(row.boundary[side], kind=row.kinds[side])


def _bracket(row: DictionaryRow, side: int) -> str:
    return "–" if row.certified is None else " to ".join(map(_number, row.certified[side]))


def _tokens(side: tuple[Any, ...]) -> str:
    return "  ".join(spelled(push.text, 16) for push in side) or "–"


def _csv(found: Dictionary, epsilon: float) -> str:
    written = io.StringIO()
    write_table(found, [epsilon], written)
    return written.getvalue()
