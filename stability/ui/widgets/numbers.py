"""The numbers of a result: the five that matter first, and the rest on demand, each explained."""

import streamlit as st

from stability.curvature.spectrum import Spectrum
from stability.evaluation.bootstrap import Estimate
from stability.evaluation.bracket_fractions import INTERVAL
from stability.geometry.analysis import Analysis
from stability.ui import wording
from stability.units import Unit
from stability.views.ray import RayView

Calibrated = tuple[Estimate | None, Estimate | None] | None


def headline(view: RayView) -> None:
    """The closed form, both boundaries, and their certificates."""
    bands = view.certificate
    columns = st.columns([5, 6, 6, 6, 6] if bands else [5, 6, 6], gap="small")
    unit = view.unit.symbol
    columns[0].metric("predicted r", wording.number(view.predicted) + unit, help="√(2ε / vᵀHv)")
    for sign, actual, kind, column in zip(
        "−+", view.boundary, view.kinds, columns[1:3], strict=True
    ):
        column.metric(
            f"actual {sign}",
            wording.boundary(actual, unit, kind),
            wording.error(view.predicted, actual, kind),
            delta_color="off",
            delta_arrow="off",
            help="Where the true KL divergence first reaches ε: found from the exact KL where the "
            "logits are linear, by running the network above the site elsewhere. Beneath: the error "
            "of the predicted r.",
        )
    if bands is None:
        return
    for sign, band, column in zip("−+", bands, columns[3:], strict=True):
        column.metric(
            f"certified {sign}",
            f"{wording.number(band[0])} – {wording.number(band[1])}{unit}",
            help="The boundary is proved to lie in this interval, without searching for it.",
        )


def everything(analysis: Analysis, view: RayView, calibrated: Calibrated) -> None:
    """All the other numbers in a table that can be searched and downloaded."""
    state, ray, unit = analysis.state, analysis.ray, view.unit
    trust_minus, trust_plus = (unit.count(end) for end in analysis.trust_range)
    minus, plus = (next(iter(side), None) for side in view.flips)  # in the view's unit already
    far = "beyond 100 r" if state.is_linear else "beyond 5 ‖vector‖"
    rows = [
        ("first flip −", wording.change(minus), "most likely token changes"),
        ("first flip +", wording.change(plus), "most likely token changes"),
        *(_nearest_flip(analysis, unit) if state.is_at_readout else ()),
        ("entropy", f"{wording.number(state.entropy)} nats", "of the next token"),
        ("margin", f"{wording.number(state.margin)} nats", "gap of the two largest logits"),
        ("trust range −", _beyond(trust_minus, far), "quadratic within 10 % of true KL"),
        ("trust range +", _beyond(trust_plus, far), "quadratic within 10 % of true KL"),
        ("curvature vᵀHv", wording.number(ray.curvature), "nats per squared coordinate"),
        ("trace of H", _trace(analysis.spectrum), "sum of all eigenvalues"),
        (
            "r / ‖vector‖",
            wording.percent(ray.relative_radius(view.epsilon)),
            f"‖vector‖ = {state.norm:.3g}",
        ),
        *(_where_linear(analysis, view) if state.is_linear else ()),
        *_calibrated(calibrated, unit),
    ]
    widths = {"quantity": 145, "value": 125, "meaning": 240}  # pixels: a token may be long
    columns = {name: st.column_config.TextColumn(width=width) for name, width in widths.items()}
    table = [dict(zip(widths, row, strict=True)) for row in rows]
    st.caption(
        f"Lengths in {unit.name}; curvature, κ₃, κ₄ per coordinate squared, cubed, to the fourth."
    )
    st.dataframe(table, hide_index=True, height="content", column_config=columns)


def _calibrated(calibrated: Calibrated, unit: Unit) -> list[tuple[str, str, str]]:
    """Where boundaries of other prompts lay in brackets as wide, on either side."""
    return [
        (
            f"calibrated {sign}",
            _range(radius, unit),
            f"range of {100 * INTERVAL:.0f} % of similar boundaries",
        )
        for sign, radius in zip("−+", calibrated or (), strict=False)
        if radius is not None
    ]


def _range(radius: Estimate, unit: Unit) -> str:
    value, low, high = (wording.number(unit.count(part)) for part in radius)
    return f"{value} ({low} – {high})"


def _nearest_flip(analysis: Analysis, unit: Unit) -> list[tuple[str, str, str]]:
    nearest = wording.change(analysis.sensitivity.nearest_flip, unit)
    return [("nearest flip", nearest, "change of the top token, all directions")]


def _where_linear(analysis: Analysis, view: RayView) -> list[tuple[str, str, str]]:
    """The numbers that exist only where the logits are linear in the vector."""
    unit, sensitivity = view.unit, analysis.sensitivity
    _, third, fourth = analysis.ray.cumulants or (None, None, None)
    ball = unit.count(sensitivity.certified_ball(view.epsilon))
    bound = unit.count(sensitivity.token_constraint_bound)
    return [
        ("certified ball", wording.number(ball), "no direction at all exceeds ε inside"),
        ("token constraint bound", wording.number(bound), "ranks states, ε = 1"),
        ("κ₃", wording.number(third), "makes the two sides differ"),
        ("κ₄", wording.number(fourth), "the next term of the series"),
    ]


def _trace(spectrum: Spectrum) -> str:
    error = f" ± {spectrum.trace_error:.1g}" if spectrum.trace_error else ""
    return wording.number(spectrum.trace) + error


def _beyond(trust: float | None, far: str) -> str:
    return far if trust is None else wording.number(trust)
