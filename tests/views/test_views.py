"""What is drawn of a ray and of a plane: how much of it, and that it is the library's numbers."""

from dataclasses import fields, is_dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from support.states import (
    binary_state,
    far_kl,
    make_state,
    moved_logits,
    nearly_one_hot,
    properties,
    random_direction,
    random_state,
    uniform_state,
    with_logits,
)

from stability.curvature import fisher
from stability.exact.slope_distribution import MERGE_TOLERANCE
from stability.geometry.cloud import Cloud
from stability.geometry.ray import ray
from stability.geometry.region import region
from stability.units import COORDINATES, Unit, percent_of
from stability.views.cloud import CloudView
from stability.views.ray import LEADERS, ray_view
from stability.views.region import ANGLES, GRID, half_to_show, region_view

seeds, gains, log_epsilons = st.integers(0, 10**6), st.floats(0.1, 8), st.floats(-4, 0.5)
EPSILONS = [1e-3, 3.0]


def near_tie(gap=1e-9):
    """Tokens 0 and 1 share nearly all the probability, and nearly evenly."""
    rows = np.random.default_rng(3).standard_normal((30, 6))
    logits = np.full(30, -6.0)
    logits[:2] = gap, 0
    return with_logits(rows, logits)


STATES = {
    "open": random_state(0, bias=True, scale=0.7, gain=2),
    "uniform": uniform_state(6),
    "nearly certain": nearly_one_hot(0, gap=24.0),  # the others hold 1e-9 together
    "near tie": near_tie(),
    "tie": near_tie(gap=0),
    "binary": make_state(np.array([[1.0, 0], [-1, 0]])),
}


@pytest.fixture(scope="module", params=STATES)
def line(request):
    state = STATES[request.param]
    return ray(state, random_direction(state))


@pytest.fixture(scope="module", params=EPSILONS)
def curve(line, request):
    return ray_view(line, "a direction", request.param)


def true_logits(line, t):
    """The logits along a ray from the definition, a row for each `t`."""
    return moved_logits(line.state, np.asarray(t)[:, None] * line.direction.numpy()).numpy()


def token(text):
    """The id that a test state spelled so."""
    return int(text[1:-1])


# --- rays: curves ---------------------------------------------------------------------------------


def test_what_a_ray_is_drawn_from_is_the_rays_own(line, curve):
    assert curve.label == "a direction"
    assert curve.epsilon in EPSILONS
    np.testing.assert_array_equal(curve.kl, line.kl(curve.t))
    np.testing.assert_array_equal(curve.quadratic, line.quadratic(curve.t))
    assert curve.predicted == line.predicted_radius(curve.epsilon)
    assert curve.boundary == line.boundary(curve.epsilon)
    assert curve.certificate == line.certificate(curve.epsilon)
    assert curve.flips == line.flips(limit=1000)


@properties(12)
@given(seeds, gains, log_epsilons)
def test_the_curve_is_the_divergence_of_the_moved_logits(seed, gain, log_epsilon):
    line = ray(random_state(seed, gain=gain), random_direction(random_state(seed), seed))
    view = ray_view(line, "", 10**log_epsilon)
    truth = far_kl(line.state, view.t[:, None] * line.direction.numpy()).numpy()
    # the merged law's tolerance; the oracle rounds logits up to 100
    np.testing.assert_allclose(view.kl, truth, rtol=2 * MERGE_TOLERANCE, atol=1e-12)


def test_all_that_matters_lies_inside_the_drawn_range(line, curve):
    assert (np.diff(curve.t) > 0).all()
    for end, boundary, flips in zip(curve.t[[0, -1]], curve.boundary, curve.flips, strict=True):
        furthest = max(curve.predicted, boundary)
        assert abs(end) >= 1.3 * furthest
        if flips and flips[0].distance < 2.5 * furthest:
            assert abs(end) > 1.1 * flips[0].distance
        elif not flips or flips[0].distance > 3 * furthest:
            assert abs(end) < 1.4 * furthest


@pytest.mark.parametrize(("epsilon", "seen"), [(0.002, 0), (0.019, 1), (0.1, 1)])
def test_a_first_flip_not_far_beyond_is_drawn(epsilon, seen):
    """Token 1 takes over at log(7/3)/2: here six times as far as the boundary, twice, and nearer."""
    view = ray_view(ray(binary_state(0.3), np.ones(1)), "", epsilon)
    assert len(view.edges) == seen
    assert (view.t[-1] > np.log(7 / 3) / 2) == seen


def test_curves_pass_through_the_marks_drawn_on_them(line, curve):
    minus, plus = curve.boundary
    boundaries, radii = [-minus, plus], [-curve.predicted, curve.predicted]
    # a straight line between samples: exact if they hold the mark; 1e-5 is the boundary's own error
    np.testing.assert_allclose(np.interp(boundaries, curve.t, curve.kl), curve.epsilon, rtol=2e-5)
    np.testing.assert_allclose(
        np.interp(radii, curve.t, curve.quadratic), curve.epsilon, rtol=1e-12
    )
    assert curve.kl[curve.t == 0] == 0


def test_straight_lines_between_samples_follow_the_curve(line, curve):
    """Up to both boundaries, also where the closed form is a hundred times too long."""
    t = np.linspace(-curve.boundary[0], curve.boundary[1], 999)
    # if it grows by e^20 on its way it bends, between two of 80 samples, by (20/80)²/8 of itself
    np.testing.assert_allclose(
        np.interp(t, curve.t, curve.kl), line.kl(t), atol=8e-3 * curve.epsilon
    )


# --- rays: the most likely token ------------------------------------------------------------------


def check_partition(line, view):
    """Segments follow each other over the whole view, each the true winner's."""
    bounds = [view.segments[0].start, *(segment.stop for segment in view.segments)]
    assert bounds == [view.t[0], *(edge.t for edge in view.edges), view.t[-1]]
    assert bounds == sorted(bounds)
    assert [segment.start for segment in view.segments] == bounds[:-1]
    wide = [segment for segment in view.segments if segment.stop > segment.start]
    middles = np.array([(segment.start + segment.stop) / 2 for segment in wide])
    winners = true_logits(line, middles).argmax(axis=1).tolist()
    assert [token(segment.text) for segment in wide] == winners
    # walking outwards, the token that takes over at an edge is the next segment's
    for edge, before, after in zip(view.edges, view.segments, view.segments[1:], strict=False):
        assert edge.text in (before.text, after.text)
        if edge.t:
            assert edge.text == (after if edge.t > 0 else before).text


@properties(12)
@given(seeds, gains, log_epsilons)
def test_every_segment_belongs_to_the_true_argmax(seed, gain, log_epsilon):
    state = random_state(seed, gain=gain, bias=True)
    line = ray(state, random_direction(state, seed))
    view = ray_view(line, "", 10**log_epsilon)
    check_partition(line, view)
    # and nobody else wins anywhere between
    bounds = [edge.t for edge in view.edges]
    owners = np.array([token(segment.text) for segment in view.segments])
    at_edge = np.isclose(view.t[:, None], bounds, rtol=1e-9).any(axis=1)
    found = owners[np.searchsorted(bounds, view.t)]
    winners = true_logits(line, view.t).argmax(axis=1)
    np.testing.assert_array_equal(found[~at_edge], winners[~at_edge])


def test_segments_are_right_for_every_kind_of_state(line, curve):
    check_partition(line, curve)


@pytest.mark.parametrize("slope", [1.0, -1.0])
def test_a_tie_at_the_state_is_an_edge_at_zero(slope):
    """Tokens 0 and 1 are equally likely: each wins on the side on which it rises."""
    line = ray(with_logits(np.array([[slope], [-slope], [0.0]]), [0.0, 0.0, -9]), np.ones(1))
    view = ray_view(line, "", 0.1)
    assert [edge.t for edge in view.edges] == [0.0]
    left, right = ("<1>", "<0>") if slope > 0 else ("<0>", "<1>")
    assert [segment.text for segment in view.segments] == [left, right]


def test_many_flips_in_view_are_all_drawn():
    """Logits on a parabola: token i wins between (2i − 1)c and (2i + 1)c."""
    c, i = 0.02, np.arange(-40.0, 41)
    line = ray(with_logits(i[:, None], -c * i**2), np.ones(1))
    view = ray_view(line, "", 3.0)
    assert len(view.edges) > 20
    np.testing.assert_allclose(np.diff([edge.t for edge in view.edges]), 2 * c, rtol=1e-9)
    check_partition(line, view)


def test_a_line_without_flips_is_one_segment():
    line = ray(with_logits(np.array([[0.0], [0.0], [1.0]]), [0.0, -1, -2]), np.ones(1))
    view = ray_view(line, "", 1e-4)
    assert view.edges == []
    assert [segment.text for segment in view.segments] == ["<0>"]
    assert (view.segments[0].start, view.segments[0].stop) == (view.t[0], view.t[-1])


# --- rays: shares ---------------------------------------------------------------------------------


def test_shares_are_the_probabilities_of_the_tokens_named(line, curve):
    ids = [token(name) for name in curve.names]
    assert len(set(ids)) == len(ids) == min(LEADERS, len(line.slopes))
    np.testing.assert_array_equal(curve.shares[:-1], line.probabilities(curve.t, np.array(ids)))
    truth = softmax(true_logits(line, curve.t), axis=1).T
    others = np.delete(truth, ids, axis=0).sum(axis=0)
    # a divergence is right to MERGE_TOLERANCE of itself, and stands in the exponent
    error = 2 * MERGE_TOLERANCE * curve.kl.max() + 1e-12
    np.testing.assert_allclose(curve.shares, [*truth[ids], others], atol=error)
    np.testing.assert_allclose(curve.shares.sum(axis=0), 1, atol=error)
    # from the likeliest at the state downwards
    assert (np.diff(line.state.probs[ids].numpy()) <= 0).all()


@properties(12)
@given(seeds, gains, log_epsilons)
def test_whoever_wins_in_view_is_named(seed, gain, log_epsilon):
    state = random_state(seed, gain=gain)
    view = ray_view(ray(state, random_direction(state, seed)), "", 10**log_epsilon)
    winners = {segment.text for segment in view.segments}
    assert winners <= set(view.names) or len(winners) > LEADERS


def test_a_token_that_wins_only_midway_is_named():
    """Four tokens share the state, four others each end; one alone wins between, on the + side."""
    slopes = np.repeat([0.0, -20, 20, 8], [4, 4, 4, 1])
    line = ray(with_logits(slopes[:, None], [0.0] * 4 + [-12.0] * 8 + [-4.0]), np.ones(1))
    view = ray_view(line, "", 3.0)
    assert "<12>" in [segment.text for segment in view.segments]
    assert "<12>" in view.names


# --- rays: nothing to see -------------------------------------------------------------------------


def test_a_flat_direction_has_no_view():
    assert ray_view(ray(STATES["binary"], np.array([0.0, 1])), "", 0.1) is None


def test_a_certain_prediction_has_no_view():
    state = nearly_one_hot(gap=2000.0)
    assert ray_view(ray(state, random_direction(state)), "", 0.1) is None


# --- planes ---------------------------------------------------------------------------------------

# what lies beyond the merged law is slow: no more of that than it takes
CASES = [
    ("open", 1e-4),
    ("open", 3.0),
    ("uniform", 0.01),
    ("nearly certain", 0.01),
    ("near tie", 0.01),
    ("tie", 3.0),
]


def plane_of(state, seed=0):
    return region(state, random_direction(state, seed), random_direction(state, seed + 1))


def moved(plane, points):
    """Perturbations at plane coordinates, one for each row."""
    return np.asarray(points) @ plane.axes.numpy().T


@pytest.fixture(scope="module", params=CASES, ids=str)
def drawn_plane(request):
    name, epsilon = request.param
    plane = plane_of(STATES[name])
    return plane, region_view(plane, ("first", "second"), epsilon, 0.25)


@pytest.fixture
def plane(drawn_plane):
    return drawn_plane[0]


@pytest.fixture
def view(drawn_plane):
    return drawn_plane[1]


def test_a_plane_keeps_what_it_was_made_with(view):
    assert view.labels == ("first", "second")
    assert view.ball == 0.25


def test_the_view_is_square_and_centred_on_the_state(view):
    assert len(view.axis) == GRID
    np.testing.assert_allclose(view.axis, -view.axis[::-1], atol=1e-15 * view.axis[-1])
    assert (np.diff(view.axis) > 0).all()


def test_the_grid_is_the_true_divergence_with_rows_along_the_second_axis(plane, view):
    row, column = np.random.default_rng(0).integers(0, GRID, (2, 60))
    points = np.stack([view.axis[column], view.axis[row]], axis=1)
    expected = far_kl(plane.state, moved(plane, points)).numpy()
    # the grid has no digits below 1e-10 nats; the oracle rounds logits up to 1e3
    np.testing.assert_allclose(view.kl[row, column], expected, rtol=1e-9, atol=1e-12)


def test_the_boundary_goes_once_around_where_the_divergence_is_epsilon(plane, view):
    assert view.boundary.shape == (ANGLES + 1, 2)
    np.testing.assert_allclose(
        far_kl(plane.state, moved(plane, view.boundary)).numpy(),
        view.epsilon,
        rtol=1.1e-5,
        atol=1e-12,
    )
    angles = np.unwrap(np.arctan2(view.boundary[:, 1], view.boundary[:, 0]))
    np.testing.assert_allclose(np.diff(angles), 2 * np.pi / ANGLES, rtol=1e-9)
    scale = np.abs(view.boundary).max()
    np.testing.assert_allclose(view.boundary[0], view.boundary[-1], atol=1e-12 * scale)


def test_the_ellipse_is_where_the_quadratic_is_epsilon(plane, view):
    H = plane.axes.T @ fisher.dense(plane.state) @ plane.axes
    twice = np.einsum("ni,ij,nj->n", view.ellipse, H.numpy(), view.ellipse)
    # of a long ellipse the small curvature is a difference: 1e-16 of the large one
    np.testing.assert_allclose(twice, 2 * view.epsilon, rtol=1e-9)
    scale = np.abs(view.ellipse).max()
    np.testing.assert_allclose(view.ellipse[0], view.ellipse[-1], atol=1e-12 * scale)


def test_the_view_holds_the_region_and_its_ellipse_or_the_middle_of_a_long_one(view):
    half = view.axis[-1]
    furthest = max(np.abs(view.boundary).max(), np.linalg.norm(view.ellipse, axis=1).max())
    nearest = min(np.linalg.norm(curve, axis=1).min() for curve in (view.boundary, view.ellipse))
    # the ellipse is sampled: its ends are met to a quarter of its angle squared
    assert half == pytest.approx(1.3 * min(furthest, 8 * nearest), rel=1e-3)


def test_a_long_region_is_cut():
    """Token 2 hardly moves along y: there the region is a thousand times as long."""
    state = with_logits(np.array([[1.0, 0], [-1, 0], [0, 1e-3]]), np.zeros(3))
    view = region_view(region(state, np.eye(2)[0], np.eye(2)[1]), ("", ""), 0.01, None)
    nearest = np.linalg.norm(view.boundary, axis=1).min()
    assert np.abs(view.boundary).max() > 500 * nearest
    assert 8 < view.axis[-1] / nearest < 12
    # what is left in view is still drawn where it is: two nearly parallel lines
    inside = view.boundary[(np.abs(view.boundary) < view.axis[-1]).all(axis=1)]
    assert len(inside) > ANGLES / 2
    np.testing.assert_allclose(np.abs(inside[:, 0]), nearest, rtol=0.05)


# --- planes: cells --------------------------------------------------------------------------------


def check_cells(plane, view):
    half = view.axis[-1]
    assert sum(cell.area for cell in view.cells) == pytest.approx(4 * half**2, rel=1e-8)
    for cell in view.cells:
        assert token(cell.text) == cell.id
        if cell.area > 1e-9 * half**2:
            inside = cell.centroid + 0.99 * (cell.corners - cell.centroid)
            winners = moved_logits(plane.state, moved(plane, inside)).argmax(dim=1)
            assert (winners == cell.id).all()


def test_cells_fill_the_view_and_belong_to_the_true_argmax(plane, view):
    check_cells(plane, view)


@properties(6)
@given(seeds, gains, log_epsilons)
def test_cells_of_random_states_belong_to_the_true_argmax(seed, gain, log_epsilon):
    plane = plane_of(random_state(seed, V=20, gain=gain), seed)
    check_cells(plane, region_view(plane, ("", ""), 10**log_epsilon, None))


def test_on_a_wall_two_tokens_are_equally_likely(plane, view):
    logits = np.sort(moved_logits(plane.state, moved(plane, view.walls.mean(axis=1))).numpy())
    # cells are clipped to 1e-9 of the logits in view
    np.testing.assert_allclose(logits[:, -1], logits[:, -2], rtol=2e-9, atol=2e-9)


def test_walls_and_the_frame_are_all_the_edges_of_the_cells(view):
    def length(ends):
        return np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1).sum()

    around = sum(
        length(np.stack([cell.corners, np.roll(cell.corners, -1, axis=0)], axis=1))
        for cell in view.cells
    )
    half = view.axis[-1]
    assert length(view.walls) == pytest.approx(around - 8 * half, abs=1e-8 * half)
    assert (len(view.walls) == 0) == (len(view.cells) == 1)


def test_a_view_within_one_cell_has_no_walls():
    view = region_view(plane_of(nearly_one_hot(gap=8.0)), ("", ""), 1e-4, None)
    assert [cell.text for cell in view.cells] == ["<0>"]
    assert view.walls.shape == (0, 2, 2)


# --- planes: nothing to see -----------------------------------------------------------------------


def test_a_plane_with_a_flat_axis_has_no_view():
    flat = region(STATES["binary"], np.array([1.0, 0]), np.array([0.0, 1]))
    assert region_view(flat, ("", ""), 0.1, None) is None


@pytest.mark.parametrize("seed", [16, 38, 50, 59])  # rounding finds an ellipse in these
def test_a_flat_direction_that_rounding_hides_draws_nothing_infinite(seed):
    """Two tokens: the plane is flat at a right angle to their difference, drawn or not."""
    state = with_logits(np.random.default_rng(seed).standard_normal((2, 2)), [0.5, 0.0])
    steep = np.arctan2(*(state.readout.W_U[1] - state.readout.W_U[0]).flip(0).tolist())
    turn = steep + np.pi / 2 - 2 * np.pi * seed / ANGLES
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    view = region_view(region(state, *axes), ("", ""), 0.1, None)
    if view is not None:
        arrays = {field.name: getattr(view, field.name) for field in fields(view)}
        edge = arrays.pop("boundary")
        assert np.isnan(edge).any()  # a gap
        assert not np.isinf(edge).any()
        assert all(np.isfinite(a).all() for a in arrays.values() if isinstance(a, np.ndarray))


def test_a_binary_vocabulary_in_one_dimension_is_drawn_to_its_closed_form():
    """`KL(t) = log(p e^{2t} + 1 − p) − 2pt`, and token 1 takes over at `log((1 − p)/p)/2`."""
    p = 0.3
    view = ray_view(ray(binary_state(p), np.ones(1)), "", 0.1)
    expected = np.log(p * np.exp(2 * view.t) + 1 - p) - 2 * p * view.t
    np.testing.assert_allclose(view.kl, expected, rtol=1e-9, atol=1e-15)
    (edge,) = view.edges
    assert edge.t == pytest.approx(np.log((1 - p) / p) / 2, rel=1e-12)
    assert edge.text == "<1>"


# --- units ----------------------------------------------------------------------------------------


def leaves(thing):
    """Everything in a view, flat and in order, but the unit itself."""
    if isinstance(thing, Unit):
        return []
    if is_dataclass(thing):
        return [leaf for field in fields(thing) for leaf in leaves(getattr(thing, field.name))]
    if isinstance(thing, list | tuple):
        return [leaf for item in thing for leaf in leaves(item)]
    return [thing]


def counted_alike(found, expected):
    for one, other in zip(leaves(found), leaves(expected), strict=True):
        if isinstance(other, str | None):
            assert one == other
        else:
            # roots are found to 1e-12, the corners of cells by differences of logits
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


def test_a_view_in_another_unit_is_the_view_of_a_state_with_such_coordinates():
    """Vectors shorter by a factor and rows longer by it: the same logits, all lengths shorter."""
    unit, state = Unit("fourths", 0.25), random_state(3, bias=True)
    scaled = make_state(
        state.readout.W_U * unit.length, state.vector / unit.length, state.readout.bias
    )
    first, second = random_direction(state, 0), random_direction(state, 1)
    lines = [ray_view(ray(s, first), "a direction", 0.1) for s in (state, scaled)]
    counted_alike(lines[0].measured_in(unit), lines[1])
    planes = [
        region_view(region(s, first, second), ("a", "b"), 0.1, ball)
        for s, ball in ((state, 1.0), (scaled, 4.0))
    ]
    counted_alike(planes[0].measured_in(unit), planes[1])
    assert lines[0].measured_in(unit).unit == planes[0].measured_in(unit).unit == unit


def test_the_distances_of_an_embedding_are_not_lengths():
    points, unit = np.ones((1, 2)), percent_of(50.0)
    sample = Cloud(np.ones((1, 2)), np.ones(1), np.zeros(1, dtype=int), 0.1, 0)
    lengths, embedding = (CloudView("", points, sample, [""], u) for u in (COORDINATES, None))
    assert lengths.measured_in(unit).points.tolist() == [[2, 2]]
    assert embedding.measured_in(unit) is embedding


def test_a_view_that_shows_points_is_square_around_the_state():
    half = half_to_show([(0.0, 0.0), (0.5, -2.0), (1.0, 0.1)])
    assert 2.0 < half < 3.0
    assert half_to_show([(0.0, 0.0), (-10.0, 4.0), (5.0, 0.5)]) == pytest.approx(5 * half)
