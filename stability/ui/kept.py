"""What a person has chosen on one page, kept for the others: Streamlit forgets it with its widgets."""

from collections.abc import Iterable

import streamlit as st

from stability.ui.choice import MOST_MESSAGES

# keys of widgets that several pages share, that one page sets for another, or that must outlast a
# visit to another page
SHARED = (
    *("model", "prompt", "position", "epsilon", "site", "block"),
    *("chat", "system", "more_turns", *(f"turn_{number}" for number in range(1, MOST_MESSAGES))),
    *("kind", "rank", "seed", "start", "end", "goal", "other", "numbers", "relative"),
    *("measurements", "shown_site", "shown_epsilon", "shown_kinds", "shown_entropy"),
    *("predictor", "scores_by", "my_prompts_text", "my_prompts_positions"),
    *("section", "prompt_b", "prompt_c", "interpolation_block"),
    *("write_site", "write_rank", "write_t", "write_n"),
    *("dictionary_path", "dictionary_site", "dictionary_search"),
    *("vector", "pairs", "method", "measured", "vector_path", "vector_entry", "applied"),
    *("applied_block", "at", "vector_mode", "pairs_mode"),
)


def keep_shared(is_opened: bool = False) -> None:
    """Keep the shared keys, and restore those that Streamlit has forgotten with their widgets.

    Those that are there are left alone, or a widget that moves meanwhile would be set back; but when a
    page is opened, what is there may be from before the widget was moved.
    """
    kept = st.session_state.setdefault("kept", {})
    for key in SHARED:
        if key in kept and (is_opened or key not in st.session_state):
            st.session_state[key] = kept[key]
        elif key in st.session_state:
            kept[key] = st.session_state[key]


def within(key: str, options: Iterable[str]) -> None:
    """Leave out of a session's choice what is no option, as a link may ask for anything."""
    chosen, allowed = st.session_state.get(key), set(options)
    if isinstance(chosen, list | tuple):
        if not allowed.issuperset(chosen):
            st.session_state[key] = [one for one in chosen if one in allowed]
    elif chosen is not None and chosen not in allowed:
        del st.session_state[key]
