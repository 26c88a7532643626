"""The Dictionary page: a prompt, a file with a direction in each row, and the rows ranked by radius.

Modules that bring torch are imported once the controls are drawn.
"""

from typing import TYPE_CHECKING

import streamlit as st

from stability.text import counted
from stability.ui.glossary import GLOSSARY
from stability.ui.imports import imported
from stability.ui.link import Page
from stability.ui.link_fields import budget, text
from stability.ui.pages.dictionary.source import choose_source
from stability.ui.prompt_link import PROMPT
from stability.ui.widgets import controls
from stability.ui.widgets.model_picker import choose_model
from stability.ui.wording import plain

if TYPE_CHECKING:
    from stability.vector_files.row_file import RowFile

PAGE = Page(
    "Dictionary",
    (
        *PROMPT,
        budget(),
        text("dictionary_path"),
        text("dictionary_site"),
        text("dictionary_search"),
    ),
)
AS_NAMED = "where the file says"


def draw() -> None:
    """Draw the page."""
    with st.sidebar:
        model = choose_model()
        epsilon = controls.choose_epsilon()
    prompt = controls.choose_prompt()
    path = choose_source()
    if path is None:
        st.caption(
            "Choose the decoder of a sparse autoencoder (a folder of SAELens, or a file with W_dec), "
            "any matrix with a direction in each row, or a Jacobian lens: every row is measured at the "
            "prompt's prediction, and ranked by how far the vector may move along it."
        )
    else:
        with st.spinner("Starting"):  # torch takes seconds
            imported("stability.models")
        from stability.ui.cached.dictionary import DictionaryKey, FileKey, opened
        from stability.ui.cached.states import StateKey, states
        from stability.ui.pages.dictionary.listing import draw_listing
        from stability.ui.widgets.token import choose_token

        file = FileKey.of(path)
        source = opened(file)
        positions = states(model, prompt)
        position = min(st.session_state.get("position", -1), len(positions) - 1) % len(positions)
        token, place = st.columns(2)
        with token:
            choose_token(StateKey(model, prompt, position))
        with place:
            site = _choose_site(source, positions[0].model.n_layers)
        if site is not None:
            key = DictionaryKey(file, StateKey(model, prompt, position, site))
            draw_listing(key, epsilon, _rows_in(source))
    with st.expander("What the words mean"):
        st.markdown(GLOSSARY)


def _rows_in(source: "RowFile") -> str:
    """How many rows a file has, in words."""
    return "every token" if source.matrix is None else counted(len(source.matrix), "row")


def _choose_site(source: "RowFile", n_layers: int) -> str | None:
    """Draw the choice of a site; return None while the file's own choice is none."""
    blocks = [f"block:{layer}" for layer in range(n_layers - 1, -1, -1)]
    of_lens = [f"block:{layer}" for layer in source.lens]
    sites = (
        [site for site in blocks if site in of_lens] if of_lens else ["prelogit", "final", *blocks]
    )
    named = [AS_NAMED] if source.site in blocks else []
    if st.session_state.get("dictionary_site") not in (*named, *sites):
        st.session_state.dictionary_site = (named or sites or [""])[0]
    if not sites:
        st.info(plain(f"The lens has maps for {', '.join(of_lens)}, none of them of this model."))
        return None
    chosen = st.selectbox(
        "Measured at",
        [*named, *sites],
        key="dictionary_site",
        format_func=lambda site: f"{site}: {source.site}" if site == AS_NAMED else site,
    )
    return source.site if chosen == AS_NAMED else str(chosen)
