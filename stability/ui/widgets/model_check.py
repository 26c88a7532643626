"""The self-check of the model in use: asked for, under way, and what it found."""

import json
import re
from typing import TYPE_CHECKING, Any

import streamlit as st

from stability.errors import StabilityError
from stability.text import counted
from stability.ui import model_session as session
from stability.ui.cached.checks import check_of, found_of, start_check
from stability.ui.model_choice import ModelChoice
from stability.ui.widgets.errors import show_error
from stability.ui.widgets.progress import draw_progress
from stability.ui.wording import plain

if TYPE_CHECKING:  # torch, which takes seconds
    from stability.models.comparisons import Comparison
    from stability.models.self_check import SelfCheck

# sites of one reason that are named; of more, the number and the ends
MOST_SITES = 4
HELP = (
    "Computes everything that this app draws of the model a second way, and compares the two: half a "
    "minute for a small model. Part of it is compared whenever a model is loaded."
)


def draw_check(model: str) -> None:
    """How far the check of a model is, as one line of the side bar that starts it or opens it."""
    job = check_of(model)
    look: Any = {"type": "tertiary", "key": "check"}
    if job is None or job.is_stopped:
        st.button(
            "Not checked yet · Check it now",
            on_click=_start,
            args=(model,),
            help=HELP,
            icon=":material/fact_check:",
            **look,
        )
    elif not job.future.done():
        draw_progress(job, job.stop, "stop_check", before="Checking the model", look="tertiary")
    elif job.failed:
        show_error(StabilityError(f"The check ended early. {job.future.exception()}"))
        st.button("Check it again", on_click=_start, args=(model,), **look)
    elif (found := found_of(model)) is not None:
        icon = ":material/verified:" if found.holds else ":material/error:"
        st.button(plain(summary(found)), on_click=_open, icon=icon, **look)
    if st.session_state.get("shows_check"):
        _draw_dialog(model)


def draw_warning() -> None:
    """Say on the page that the model in use has failed its check."""
    found = found_of(st.session_state.get("model", ""))
    if found is not None and not found.holds:
        title = ModelChoice.parse(st.session_state.model).title
        st.error(
            f"**The numbers on this page may be wrong.** {plain(title)} has failed its check: "
            f"{plain('; '.join(c.demand for c in found.comparisons if not c.holds))}.",
            icon=":material/error:",
        )
        st.button("See the check", on_click=_open, key="see_check")


def summary(found: "SelfCheck") -> str:
    """How many comparisons hold, in a few words."""
    limited = [comparison for comparison in found.comparisons if comparison.limit is not None]
    failed = sum(not comparison.holds for comparison in limited)
    missing = f", {len(found.not_run)} not run" if found.not_run else ""
    if failed:
        return f"Check failed: {failed} of {counted(len(limited), 'comparison')}{missing}"
    return f"Checked: {counted(len(limited), 'comparison')} hold{missing}"


def _start(model: str) -> None:
    start_check(model)


def _open() -> None:
    session.close()
    st.session_state.shows_check = True


def _close() -> None:
    st.session_state.shows_check = False


@st.dialog("Is the model computed right?", width="medium", on_dismiss=_close)
def _draw_dialog(model: str) -> None:
    found = found_of(model)
    if found is None:
        _close()
        st.rerun()
    card = found.model
    st.markdown(
        f"**{plain(summary(found))}.** What this app draws of {plain(card.name)} in {card.dtype} was "
        f"computed a second way, also on a text of {counted(found.tokens, 'token')}."
    )
    st.table([_row(comparison) for comparison in found.comparisons])
    st.caption(
        "An error is how far the two are apart; rounding alone keeps it below its limit. With half "
        "precision there is no limit: the error only tells what that costs."
    )
    _draw_reasons("Could not be compared", [([name], why) for name, why in found.not_run.items()])
    _draw_reasons("Cannot be opened", [(sites, why) for why, sites in found.refusals.items()])
    name = re.sub(r"[^\w.-]+", "-", card.name).strip("-.")
    st.download_button(
        "Download as JSON",
        json.dumps(found.report(), allow_nan=False, indent=1),
        f"check-{name}.json",
        "application/json",
        on_click="ignore",
    )


def _row(comparison: "Comparison") -> dict[str, str]:
    unit = "" if comparison.unit == "relative" else f" {comparison.unit}"
    verdict = "yes" if comparison.holds else "**no**"
    limit = comparison.limit
    return {
        "what must hold": plain(comparison.demand),
        "error": plain(f"{comparison.error:.1e}{unit}" if comparison.error else "0"),
        "limit": "–" if limit is None else plain(f"{limit:.0e}{unit}"),
        "holds": "–" if limit is None else verdict,
    }


def _draw_reasons(title: str, reasons: list[tuple[list[str], str]]) -> None:
    if reasons:
        st.markdown(f"**{title}**")
        st.markdown(
            "\n".join(f"- {plain(_named(names))}: {plain(reason)}" for names, reason in reasons)
        )


def _named(names: list[str]) -> str:
    if len(names) <= MOST_SITES:
        return ", ".join(names)
    return f"{len(names)} sites, from {names[0]} to {names[-1]}"
