"""The sources' claims beside the shipped results, and behind them what no source speaks of."""

from itertools import groupby

import streamlit as st

from stability.reproduction.claim import Claim
from stability.ui.cached import calibration
from stability.ui.wording import literal

# parts of the page: the quantity, what was measured, what the source says
COLUMNS = [4, 6, 4]


def draw_claims(model: str) -> None:
    """Draw a row for each claim of a source, and fold away the other quantities."""
    claims = calibration.claims(model)
    st.markdown("**What the sources claim, and what was measured here**")
    _draw_rows([claim for claim in claims if claim.source])
    others = [claim for claim in claims if not claim.source]
    with st.expander(f"{len(others)} measurements of which no source speaks"):
        _draw_rows(others)
    st.caption(
        "The same as a page with figures: assets/results/README.md; made by `python -m stability "
        "reproduce`."
    )


def _draw_rows(claims: list[Claim]) -> None:
    """A row for each quantity, with a line for each setting that it was measured in."""
    for (name, source), measured in groupby(claims, lambda claim: (claim.quantity, claim.source)):
        quantity, value, said = st.columns(COLUMNS)
        quantity.markdown(literal(name))
        lines = [f"**{literal(c.value)}** :small[{literal(c.setting)}]" for c in measured]
        value.markdown("  \n".join(lines))
        if source:
            said.caption(literal(source))
