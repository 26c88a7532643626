"""How figures reach the page: through one function, so that the way can change in one place."""

from typing import Any

import plotly.graph_objects as go
import streamlit as st


def draw(figure: go.Figure, key: str, note: str, clickable: bool = False) -> Any:
    """Draw a figure with one line of explanation beneath; return the points that were clicked."""
    event: Any = st.plotly_chart(
        figure,
        key=key,
        width="stretch",
        on_select="rerun" if clickable else "ignore",
        selection_mode="points",
        config={"displaylogo": False, "displayModeBar": False},
    )
    st.caption(note)
    return event.selection.points if clickable else []
