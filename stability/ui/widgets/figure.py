"""The one function that puts a figure on the page."""

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import streamlit as st


def draw_figure(
    figure: go.Figure,
    key: str,
    note: str,
    on_click: Callable[[dict[str, Any]], None] | None = None,
) -> None:
    """Draw a figure with one line of explanation beneath; call `on_click` with a clicked point."""

    def clicked() -> None:
        points = st.session_state[key].selection.points
        if points and on_click:  # a second click on the same point takes the selection back
            on_click(points[0])

    st.plotly_chart(
        figure,
        key=key,
        width="stretch",
        on_select=clicked if on_click else "ignore",
        selection_mode="points",
        config={"displaylogo": False, "displayModeBar": False},
    )
    st.caption(note)
