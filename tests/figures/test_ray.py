"""The figure of a ray shows its view: curves, marks, bands, shares and names."""

from dataclasses import replace

import numpy as np
import pytest
from support.figures import by_name, notes, title, tricky
from support.states import (
    random_direction,
    random_state,
)

from stability.figures.ray import ray_figure
from stability.figures.style import (
    ACTUAL,
    AXIS_GREY,
    CATEGORIES,
    CERTIFIED_GREY,
    FLIP,
    LETTER_WIDTH,
    OTHERS,
    PREDICTED,
    letter_count,
    visible,
)
from stability.geometry.ray import ray
from stability.views.ray import Segment, SignedFlip, ray_view

EPSILON = 0.05


def bands(figure, colour):
    """Filled stretches of a colour, as (start, stop), and the panel each is in."""
    return [(s.x0, s.x1, s.xref) for s in figure.layout.shapes if s.fillcolor == colour]


def stacked(figure):
    return [trace for trace in figure.data if trace.type == "scatter" and trace.stackgroup]


@pytest.fixture(scope="module")
def line():
    state = random_state(0, gain=2)
    return ray(state, random_direction(state))


@pytest.fixture(scope="module")
def curve(line):
    """Two flips in view, one on each side."""
    view = ray_view(line, "a direction", 0.5)
    assert [flip.t > 0 for flip in view.flips_in_view] == [False, True]
    return view


@pytest.fixture(scope="module")
def ray_drawn(curve):
    return ray_figure(curve)


def test_the_ray_shows_actual_solid_blue_and_closed_form_dashed_orange(curve, ray_drawn):
    traces = by_name(ray_drawn)
    for name, y, colour, dash in (
        ("actual KL", curve.kl, ACTUAL, None),
        ("closed form ½t²vᵀHv", curve.quadratic, PREDICTED, "dash"),
    ):
        trace = traces[name]
        np.testing.assert_array_equal(trace.x, curve.t)
        np.testing.assert_array_equal(trace.y, y)
        assert (trace.line.color, trace.line.dash) == (colour, dash)
        assert trace.xaxis in (None, "x")


def test_the_ray_marks_predicted_and_actual_boundaries_at_epsilon(curve, ray_drawn):
    traces = by_name(ray_drawn)
    predicted, actual = traces["predicted ±r"], traces["actual boundary"]
    assert predicted.x == (-curve.predicted, curve.predicted)
    assert actual.x == (-curve.boundary[0], curve.boundary[1])
    assert predicted.y == actual.y == (0.5, 0.5)
    assert (predicted.marker.color, actual.marker.color) == (PREDICTED, ACTUAL)
    assert predicted.marker.symbol != actual.marker.symbol
    assert predicted.mode == actual.mode == "markers"


def test_the_ray_has_a_line_at_epsilon_all_the_way(ray_drawn):
    (line,) = [s for s in ray_drawn.layout.shapes if s.xref == "x domain"]
    assert (line.x0, line.x1, line.y0, line.y1, line.yref) == (0, 1, 0.5, 0.5, "y")
    assert (line.line.color, line.line.dash) == (AXIS_GREY, "dot")
    assert notes(ray_drawn)["ε = 0.5"].y == 0.5


def test_the_ray_shades_what_is_certified(curve, ray_drawn):
    (minus_in, minus_out), (plus_in, plus_out) = curve.certificate
    assert bands(ray_drawn, CERTIFIED_GREY) == [
        (-minus_out, -minus_in, "x"),
        (plus_in, plus_out, "x"),
    ]
    assert by_name(ray_drawn)["certified: boundary in here"].marker.color == CERTIFIED_GREY


def test_the_ray_marks_flips_in_both_panels_and_names_who_takes_over(curve, ray_drawn):
    places = [flip.t for flip in curve.flips_in_view]
    marks = by_name(ray_drawn)["most likely token changes"]
    assert marks.x == tuple(places)
    assert marks.customdata == tuple(visible(flip.text) for flip in curve.flips_in_view)
    assert "%{customdata} takes over" in marks.hovertemplate
    assert marks.marker.color == FLIP
    lines = [s for s in ray_drawn.layout.shapes if s.type == "line" and s.line.color == FLIP]
    assert all(line.x0 == line.x1 for line in lines)
    for panel in ("x", "x2"):
        assert [line.x0 for line in lines if line.xref == panel] == places


def test_the_ray_shades_segments_of_other_tokens_and_names_those_with_room(curve):
    spans = [(-2.0, -1.0, "left"), (-1.0, 0.96, "middle"), (0.96, 1.0, "narrow"), (1.0, 2, "right")]
    segments = [Segment(start, float(stop), text) for start, stop, text in spans]
    drawn = ray_figure(replace(curve, t=np.linspace(-2, 2, len(curve.t)), segments=segments))
    assert bands(drawn, FLIP) == [(-2.0, -1.0, "x"), (0.96, 1.0, "x"), (1.0, 2.0, "x")]
    named = {text: note.x for text, note in notes(drawn).items() if note.yref == "y domain"}
    assert named == {"left": -1.5, "middle": pytest.approx(-0.02), "right": 1.5}


def test_a_ray_without_flips_claims_none(curve):
    whole = [Segment(float(curve.t[0]), float(curve.t[-1]), "only")]
    drawn = ray_figure(replace(curve, flips_in_view=[], segments=whole))
    assert "most likely token changes" not in by_name(drawn)
    assert FLIP not in {s.line.color for s in drawn.layout.shapes} | {
        s.fillcolor for s in drawn.layout.shapes
    }
    assert "only" in notes(drawn)


def test_the_ray_stacks_the_shares_below(curve, ray_drawn):
    areas = stacked(ray_drawn)
    assert [trace.name for trace in areas] == [*map(visible, curve.names), "all others"]
    np.testing.assert_array_equal([trace.y for trace in areas], curve.shares)
    assert [trace.fillcolor for trace in areas] == [*CATEGORIES, OTHERS]
    for trace in areas:
        np.testing.assert_array_equal(trace.x, curve.t)
        assert (trace.xaxis, trace.yaxis, trace.stackgroup) == ("x2", "y2", "shares")


def test_a_share_is_named_in_its_own_area_and_within_the_frame(curve, ray_drawn):
    names = [*map(visible, curve.names), "all others"]
    middle, width = curve.t[[0, -1]].mean(), np.ptp(curve.t)
    for name, share, top in zip(names, curve.shares, curve.shares.cumsum(axis=0), strict=True):
        reach = min(1 / 3, 0.5 - LETTER_WIDTH / 2 * (letter_count(name) + 2))
        inside = abs(curve.t - middle) < reach * width
        named = [n for n in ray_drawn.layout.annotations if (n.text, n.yref) == (name, "y2")]
        assert len(named) == (share[inside].max() > 0.12)
        for note in named:
            (place,) = np.flatnonzero(curve.t == note.x)
            assert inside[place]
            assert share[place] == share[inside].max()
            assert note.y == pytest.approx(top[place] - share[place] / 2, rel=1e-12)


def test_a_vocabulary_smaller_than_the_palette_keeps_grey_for_the_rest():
    state = random_state(0, V=3, d=3)
    drawn = ray_figure(ray_view(ray(state, random_direction(state)), "", EPSILON))
    assert [trace.fillcolor for trace in stacked(drawn)] == [*CATEGORIES[:3], OTHERS]


def test_the_rays_axes_say_what_they_measure_and_end_where_the_view_does(curve, ray_drawn):
    layout = ray_drawn.layout
    assert title(layout.xaxis2) == "t (units of the vector)"
    assert [title(layout.yaxis), title(layout.yaxis2)] == ["KL (nats)", "probability"]
    assert layout.xaxis.range == layout.xaxis2.range == (curve.t[0], curve.t[-1])
    assert layout.yaxis.range == (0, 1.5)
    assert layout.yaxis2.range == (0, 1)


@tricky
def test_the_ray_shows_tokens_as_they_are(curve, text, shown):
    view = replace(
        curve,
        names=[text, *curve.names[1:]],
        flips_in_view=[SignedFlip(0.5, text)],
        segments=[Segment(float(curve.t[0]), float(curve.t[-1]), text)],
    )
    drawn = ray_figure(view)
    assert shown in by_name(drawn)
    assert by_name(drawn)["most likely token changes"].customdata == (shown,)
    panels = [note.yref for note in drawn.layout.annotations if note.text == shown]
    assert sorted(panels) == ["y domain", "y2"]
