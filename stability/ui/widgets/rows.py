"""A table of which a click opens a row."""

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

# pixels of a row
HEIGHT = 36


def draw_rows(cells: Mapping[str, list[Any]], key: str, on_row: Callable[[int], None]) -> None:
    """Draw columns by name, high enough for all rows; a click calls with the row's number."""

    def clicked() -> None:
        if chosen := st.session_state[key].selection.cells:
            on_row(chosen[0][0])

    [first, *_] = cells.values()
    st.dataframe(
        cells,
        key=key,
        hide_index=True,
        on_select=clicked,
        selection_mode="single-cell",
        height=HEIGHT * (len(first) + 1),
    )
