"""Figures of the way between two states, and of the plane through three."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.figures import by_name, levels, title, uprights
from support.states import (
    make_state,
    random_state,
)

from stability.figures.interpolation import interpolation_figure, three_states_figure
from stability.figures.style import (
    ACTUAL,
    AXIS_GREY,
    FLIP,
    PREDICTED,
    TEMPLATE,
    visible,
)
from stability.geometry.interpolation import interpolation
from stability.geometry.region import region
from stability.views.region import region_view

EPSILON = 0.05


def smooth(v):
    return (3 * v).tanh()


@pytest.fixture(scope="module")
def way():
    """Between two states below a layer that saturates: three tokens take over from one another."""
    rows = torch.tensor([[-3.0, 0.0], [0.0, 1.0], [3.0, 0.0]], dtype=torch.float64)
    a, b = (torch.tensor([x, 1.0], dtype=torch.float64) for x in (-1.0, 1.0))
    start = make_state(rows, a, above=smooth)
    return interpolation(start, replace(start, vector=b))


@pytest.fixture(scope="module")
def names(way):
    spelled = [f" <{i}>" for i in way.argmax]
    assert len(set(spelled)) == 3
    return spelled


def test_the_way_shows_divergence_and_movement_in_two_panels(way, names):
    drawn = interpolation_figure(way, EPSILON, names)
    traces = by_name(drawn)
    kl, moved = traces["KL from A"], traces["output moved"]
    for trace, y, axis in ((kl, way.kl, "y"), (moved, 100 * way.movement, "y2")):
        np.testing.assert_array_equal(trace.x, way.alpha)
        np.testing.assert_array_equal(trace.y, y)
        assert (trace.yaxis or "y") == axis
        assert trace.line.color == ACTUAL
    assert list(moved.customdata) == [visible(name) for name in names]
    layout = drawn.layout
    assert (title(layout.yaxis), title(layout.yaxis2)) == (
        "KL (nats)",
        "output moved (% of its way)",
    )
    assert title(layout.xaxis2) == "α: from A (0) to B (1)"
    assert layout.template == TEMPLATE


def test_the_way_has_a_line_at_every_boundary_and_at_epsilon(way, names):
    drawn = interpolation_figure(way, EPSILON, names)
    predicted, actual = way.predicted(EPSILON), way.actual(EPSILON)
    assert None not in (*predicted, *actual)
    shown = {(x, colour, dash) for x, colour, dash in uprights(drawn)}
    inside = {(x, PREDICTED, "dash") for x in predicted if 0 <= x <= 1}
    assert shown == inside | {(x, ACTUAL, "solid") for x in actual}
    assert levels(drawn) == [(EPSILON, AXIS_GREY, "dot")]
    traces = by_name(drawn)
    assert traces["predicted boundary"].line.color == PREDICTED
    assert traces["actual boundary"].line.color == ACTUAL


def test_the_way_marks_who_takes_over_and_where(way, names):
    marks = by_name(interpolation_figure(way, EPSILON, names))["most likely token changes"]
    changes = np.flatnonzero(np.diff(way.argmax)) + 1
    np.testing.assert_array_equal(marks.x, way.alpha[changes])
    assert list(marks.customdata) == [visible(names[i]) for i in changes]
    assert marks.marker.color == FLIP
    assert marks.yaxis == "y2"


def test_boundaries_that_are_not_on_the_way_are_left_out(way, names):
    assert way.actual(30.0) == (None, None)
    drawn = interpolation_figure(way, 30.0, names)
    assert not [line for line in uprights(drawn) if line[1] == ACTUAL]
    for x, _, _ in uprights(drawn):
        assert 0 <= x <= 1


def test_a_way_on_which_nothing_changes_is_drawn():
    rows = torch.eye(2, dtype=torch.float64)
    states = [make_state(rows, torch.tensor([x, 0.0]).double()) for x in (1e4, 2e4)]
    flat = interpolation(*states)
    drawn = interpolation_figure(flat, EPSILON, ["x"] * len(flat.alpha))
    assert uprights(drawn) == []
    assert len(by_name(drawn)["most likely token changes"].x) == 0
    assert not np.any(by_name(drawn)["KL from A"].y)


@pytest.fixture(scope="module")
def plane():
    state = random_state(0, gain=2)
    ways = [torch.from_numpy(np.random.default_rng(i).standard_normal(6)) for i in range(2)]
    return region_view(region(state, *ways), ("towards B", "towards C"), EPSILON, None, 2.0)


POINTS = [("A", 0.0, 0.0), ("B", 1.5, 0.0), ("C", -0.5, 1.25)]


def test_the_plane_names_its_three_states_where_they_lie(plane):
    drawn = three_states_figure(plane, POINTS)
    [marks] = [trace for trace in drawn.data if getattr(trace, "mode", "") == "markers+text"]
    assert list(marks.text) == ["A", "B", "C"]
    assert list(zip(marks.x, marks.y, strict=True)) == [(x, y) for _, x, y in POINTS]


def test_the_plane_of_three_keeps_the_region_its_units_and_its_view(plane):
    drawn = three_states_figure(plane, POINTS)
    traces, layout = by_name(drawn), drawn.layout
    np.testing.assert_array_equal(
        np.stack([traces["predicted ellipse"].x, traces["predicted ellipse"].y], axis=1),
        plane.ellipse,
    )
    assert title(layout.xaxis) == "towards B (units of the vector)"
    assert title(layout.yaxis) == "towards C (units of the vector)"
    assert layout.xaxis.range == layout.yaxis.range == (-2.0, 2.0)


def test_a_boundary_that_is_not_reached_is_a_gap_in_the_plane(plane):
    boundary = plane.boundary.copy()
    boundary[3:6] = np.nan
    drawn = three_states_figure(replace(plane, boundary=boundary), POINTS)
    boundary_line = by_name(drawn)[f"actual: KL = {EPSILON:.3g}"]
    assert np.isnan(boundary_line.x).sum() == np.isnan(boundary_line.y).sum() == 3
    assert boundary_line.connectgaps is None
