"""The sources' claims beside the shipped results."""

import streamlit as st

from stability.ui import wording
from stability.ui.cached import calibration


def draw_claims(model: str) -> None:
    """Draw a line for each claim: the quantity, the number measured here, and the source's."""
    st.markdown("**What the sources claim, and what was measured here**")
    for claim in calibration.claims(model):
        quantity, measured, source = st.columns([6, 3, 4])
        quantity.markdown(wording.plain(claim.quantity))
        quantity.caption(wording.plain(claim.setting))
        measured.markdown(f"**{wording.plain(claim.value)}**")
        source.caption(wording.plain(claim.source or "no claim of a source"))
    st.caption(
        "The same as a page with figures: assets/results/README.md; made by `python -m stability "
        "reproduce`."
    )
