"""The sources' claims beside the shipped results, and behind them what no source speaks of."""

from collections.abc import Iterable
from itertools import groupby

import streamlit as st

from stability.reproduction.claim import Claim
from stability.ui.cached import calibration
from stability.ui.wording import literal


def draw_claims(model: str) -> None:
    """Draw a row for each claim of a source, and fold away the other quantities."""
    claims = calibration.claims(model)
    st.markdown("**What the sources claim, and what was measured here**")
    st.table(_rows(claim for claim in claims if claim.source))
    others = _rows(claim for claim in claims if not claim.source)
    with st.expander(f"{len(others)} quantities of which no source speaks"):
        st.table(others)
    st.caption(
        "The same as a page with figures: assets/results/README.md; made by `python -m stability "
        "reproduce`."
    )


def _rows(claims: Iterable[Claim]) -> list[dict[str, str]]:
    """A row for each quantity, with a line for each setting that it was measured in."""
    rows = []
    for (quantity, source), measured in groupby(
        claims, lambda claim: (claim.quantity, claim.source)
    ):
        lines = [f"**{literal(c.value)}** :small[{literal(c.setting)}]" for c in measured]
        row = {"quantity": literal(quantity), "measured here": "  \n".join(lines)}
        rows.append(row | ({"the source says": literal(source)} if source else {}))
    return rows
