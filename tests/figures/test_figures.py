"""What stands in a figure: the result's own numbers, in the colours that mean the same everywhere."""

import html
import json
from base64 import b64decode
from dataclasses import replace

import numpy as np
import plotly.io
import pytest
from support.states import nearly_one_hot, random_direction, random_state, with_logits

from stability.curvature.spectrum import spectrum
from stability.errors import StabilityError
from stability.exact.cells import Cell
from stability.figures import style
from stability.figures.cloud import cloud_figure
from stability.figures.next_tokens import next_tokens_figure
from stability.figures.pushes import pushes_figure
from stability.figures.ray import LETTER, ray_figure
from stability.figures.region import region_figure
from stability.figures.spectrum import spectrum_figure
from stability.figures.style import (
    ACTUAL,
    ACTUAL_ON_KL,
    CERTIFIED,
    FLIP,
    LONGEST_TOKEN,
    OTHERS,
    PREDICTED,
    QUIET,
    SHARES,
    TEMPLATE,
    letters,
    spelled,
    visible,
)
from stability.geometry.cloud import Cloud, cloud
from stability.geometry.ray import Push, ray
from stability.geometry.region import region
from stability.prediction.state import Token
from stability.units import COORDINATES
from stability.views.cloud import CloudView
from stability.views.ray import Edge, Segment, ray_view
from stability.views.region import region_view

EPSILON = 0.05
TRICKY = [
    ("<b>bold</b>", "&lt;b&gt;bold&lt;/b&gt;"),
    (" the", "␣the"),
    ("\n", "⏎"),
    ("\t\t", "⇥⇥"),
    ("\r", "\\r"),
    ("\xa0", "\\xa0"),
    ("\u200b", "\\u200b"),
    ("\x00", "\\x00"),
    ("", "∅"),
    ("&lt;", "&amp;lt;"),
    ("<br>", "&lt;br&gt;"),
    ("né 猫", "né␣猫"),
    ('"it\'s"', '"it\'s"'),  # Plotly knows no entity for quotation marks
    (" " * 64, "␣" * (LONGEST_TOKEN - 1) + "…"),
    ("<" * 64, "&lt;" * (LONGEST_TOKEN - 1) + "…"),
]
tricky = pytest.mark.parametrize(("text", "shown"), TRICKY)


def by_name(figure):
    """The traces that have a name, none of which is there twice."""
    named = [trace for trace in figure.data if trace.name]
    traces = {trace.name: trace for trace in named}
    assert len(traces) == len(named)
    return traces


def title(axis):
    return axis.title.text


def bands(figure, colour):
    """Filled stretches of a colour, as (start, stop), and the panel each is in."""
    return [(s.x0, s.x1, s.xref) for s in figure.layout.shapes if s.fillcolor == colour]


def notes(figure):
    """Annotations, by their text."""
    return {note.text: note for note in figure.layout.annotations}


def stacked(figure):
    return [trace for trace in figure.data if trace.type == "scatter" and trace.stackgroup]


GAPS = {"most likely token changes", "certified: boundary in here"}  # walls, and a legend's entry


def check_whole(figure):
    """In the common style, valid for Plotly, and without a number that is none."""

    def check_array(part):
        if "bdata" in part:
            assert np.isfinite(np.frombuffer(b64decode(part["bdata"]), part["dtype"])).all()
        return part

    assert figure.layout.template == TEMPLATE
    assert figure.data
    text = figure.to_json()
    sent = json.loads(text, object_hook=check_array)
    assert json.loads(plotly.io.from_json(text).to_json()) == sent
    # numbers in lists that are not finite become null
    parts = [sent["layout"], *(t for t in sent["data"] if t.get("name") not in GAPS)]
    assert "null" not in json.dumps(parts)


# --- style ----------------------------------------------------------------------------------------


def test_colours_are_those_that_mean_the_same_everywhere():
    assert (PREDICTED, ACTUAL, FLIP) == ("#E69F00", "#0072B2", "#CC79A7")
    assert len({PREDICTED, ACTUAL, FLIP, CERTIFIED, QUIET, OTHERS, *SHARES}) == 6 + len(SHARES)


@tricky
def test_every_token_leaves_ink_and_no_markup(text, shown):
    assert visible(text) == shown
    assert html.unescape(shown).removesuffix("…") in spelled(text)


def test_what_stands_for_white_space_is_told_apart():
    texts = ["", " ", "  ", "\n", "\t", "\r", "\x0b", "\xa0", "\u2028", "\u3000"]
    assert len({spelled(text) for text in texts}) == len(texts)
    assert all(spelled(text).isprintable() for text in texts)


# --- the ray --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def line():
    state = random_state(0, gain=2)
    return ray(state, random_direction(state))


@pytest.fixture(scope="module")
def curve(line):
    """Two flips in view, one on each side."""
    view = ray_view(line, "a direction", 0.5)
    assert [edge.t > 0 for edge in view.edges] == [False, True]
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
    assert (line.line.color, line.line.dash) == (QUIET, "dot")
    assert notes(ray_drawn)["ε = 0.5"].y == 0.5


def test_the_ray_shades_what_is_certified(curve, ray_drawn):
    (minus_in, minus_out), (plus_in, plus_out) = curve.certificate
    assert bands(ray_drawn, CERTIFIED) == [
        (-minus_out, -minus_in, "x"),
        (plus_in, plus_out, "x"),
    ]
    assert by_name(ray_drawn)["certified: boundary in here"].marker.color == CERTIFIED


def test_the_ray_marks_flips_in_both_panels_and_names_who_takes_over(curve, ray_drawn):
    edges = [edge.t for edge in curve.edges]
    marks = by_name(ray_drawn)["most likely token changes"]
    assert marks.x == tuple(edges)
    assert marks.customdata == tuple(visible(edge.text) for edge in curve.edges)
    assert "%{customdata} takes over" in marks.hovertemplate
    assert marks.marker.color == FLIP
    lines = [s for s in ray_drawn.layout.shapes if s.type == "line" and s.line.color == FLIP]
    assert all(line.x0 == line.x1 for line in lines)
    for panel in ("x", "x2"):
        assert [line.x0 for line in lines if line.xref == panel] == edges


def test_the_ray_shades_segments_of_other_tokens_and_names_those_with_room(curve):
    spans = [(-2.0, -1.0, "left"), (-1.0, 0.96, "middle"), (0.96, 1.0, "narrow"), (1.0, 2, "right")]
    segments = [Segment(start, float(stop), text) for start, stop, text in spans]
    drawn = ray_figure(replace(curve, t=np.linspace(-2, 2, len(curve.t)), segments=segments))
    assert bands(drawn, FLIP) == [(-2.0, -1.0, "x"), (0.96, 1.0, "x"), (1.0, 2.0, "x")]
    named = {text: note.x for text, note in notes(drawn).items() if note.yref == "y domain"}
    assert named == {"left": -1.5, "middle": pytest.approx(-0.02), "right": 1.5}


def test_a_ray_without_flips_claims_none(curve):
    whole = [Segment(float(curve.t[0]), float(curve.t[-1]), "only")]
    drawn = ray_figure(replace(curve, edges=[], segments=whole))
    assert "most likely token changes" not in by_name(drawn)
    assert FLIP not in {s.line.color for s in drawn.layout.shapes} | {
        s.fillcolor for s in drawn.layout.shapes
    }
    assert "only" in notes(drawn)


def test_the_ray_stacks_the_shares_below(curve, ray_drawn):
    areas = stacked(ray_drawn)
    assert [trace.name for trace in areas] == [*map(visible, curve.names), "all others"]
    np.testing.assert_array_equal([trace.y for trace in areas], curve.shares)
    assert [trace.fillcolor for trace in areas] == [*SHARES, OTHERS]
    for trace in areas:
        np.testing.assert_array_equal(trace.x, curve.t)
        assert (trace.xaxis, trace.yaxis, trace.stackgroup) == ("x2", "y2", "shares")


def test_a_share_is_named_in_its_own_area_and_within_the_frame(curve, ray_drawn):
    names = [*map(visible, curve.names), "all others"]
    middle, width = curve.t[[0, -1]].mean(), np.ptp(curve.t)
    for name, share, top in zip(names, curve.shares, curve.shares.cumsum(axis=0), strict=True):
        reach = min(1 / 3, 0.5 - LETTER / 2 * (letters(name) + 2))
        inside = abs(curve.t - middle) < reach * width
        found = [n for n in ray_drawn.layout.annotations if (n.text, n.yref) == (name, "y2")]
        assert len(found) == (share[inside].max() > 0.12)
        for note in found:
            (place,) = np.flatnonzero(curve.t == note.x)
            assert inside[place]
            assert share[place] == share[inside].max()
            assert note.y == pytest.approx(top[place] - share[place] / 2, rel=1e-12)


def test_a_vocabulary_smaller_than_the_palette_keeps_grey_for_the_rest():
    state = random_state(0, V=3, d=3)
    drawn = ray_figure(ray_view(ray(state, random_direction(state)), "", EPSILON))
    assert [trace.fillcolor for trace in stacked(drawn)] == [*SHARES[:3], OTHERS]


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
        edges=[Edge(0.5, text)],
        segments=[Segment(float(curve.t[0]), float(curve.t[-1]), text)],
    )
    drawn = ray_figure(view)
    assert shown in by_name(drawn)
    assert by_name(drawn)["most likely token changes"].customdata == (shown,)
    panels = [note.yref for note in drawn.layout.annotations if note.text == shown]
    assert sorted(panels) == ["y domain", "y2"]


# --- the plane ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def plane():
    state = random_state(0, gain=2)
    pair = region(state, random_direction(state), random_direction(state, 1))
    view = region_view(pair, ("first", "<second>"), 0.5, 0.3)
    assert len(view.cells) > 3
    return view


@pytest.fixture(scope="module")
def plane_drawn(plane):
    return region_figure(plane)


def test_the_plane_shows_the_divergence_with_its_rows_upwards(plane, plane_drawn):
    heat = plane_drawn.data[0]
    for found, expected in ((heat.x, plane.axis), (heat.y, plane.axis), (heat.z, plane.kl)):
        np.testing.assert_array_equal(found, expected.astype(np.float32))
    assert (heat.zmin, heat.zmax) == (0, 4 * 0.5)
    assert heat.colorscale[0][1] == "#00224e"  # cividis begins here
    assert heat.colorbar.title.text == "KL (nats)"
    # nothing turns the axis over
    assert plane_drawn.layout.yaxis.autorange is None


def test_the_plane_shows_the_true_edge_solid_and_the_ellipse_dashed(plane, plane_drawn):
    traces = by_name(plane_drawn)
    for name, points, colour, dash in (
        ("actual: KL = 0.5", plane.boundary, ACTUAL_ON_KL, None),
        ("predicted ellipse", plane.ellipse, PREDICTED, "dash"),
    ):
        trace = traces[name]
        np.testing.assert_array_equal(np.stack([trace.x, trace.y], axis=1), points)
        assert (trace.line.color, trace.line.dash) == (colour, dash)


def test_the_plane_shows_the_certified_ball_to_scale(plane_drawn):
    ball = by_name(plane_drawn)["certified ball"]
    np.testing.assert_allclose(np.hypot(ball.x, ball.y), 0.3, rtol=1e-14)
    assert np.ptp(np.unwrap(np.arctan2(ball.y, ball.x))) == pytest.approx(2 * np.pi)
    assert (ball.fill, ball.fillcolor) == ("toself", CERTIFIED)


def test_the_plane_claims_neither_a_ball_nor_walls_that_it_has_not(plane):
    drawn = region_figure(replace(plane, ball=None, walls=np.empty((0, 2, 2))))
    assert {"certified ball", "most likely token changes"}.isdisjoint(by_name(drawn))


def test_the_planes_walls_are_separate_lines(plane, plane_drawn):
    walls = by_name(plane_drawn)["most likely token changes"]
    assert (walls.line.color, walls.mode, walls.connectgaps) == (FLIP, "lines", None)
    x, y = (np.reshape(axis, (-1, 3)) for axis in (walls.x, walls.y))
    assert set(x[:, 2]) == set(y[:, 2]) == {None}
    found = np.stack([x[:, :2], y[:, :2]], axis=-1).astype(float)
    np.testing.assert_array_equal(found, plane.walls)


def test_the_plane_names_the_cells_that_have_room(plane):
    half = float(plane.axis[-1])
    square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
    # of an area of 4·half²: 6.25 %, and 1 %
    cells = [Cell(0, " big", 0.5 * half * square), Cell(1, " small", -0.2 * half * square)]
    named = notes(region_figure(replace(plane, cells=cells)))
    assert list(named) == ["␣big"]
    assert named["␣big"].x == named["␣big"].y == pytest.approx(0.25 * half)


def test_the_plane_has_equal_scales_and_ends_where_the_view_does(plane, plane_drawn):
    layout, half = plane_drawn.layout, plane.axis[-1]
    assert layout.yaxis.scaleanchor == "x"
    assert layout.xaxis.range == layout.yaxis.range == (-half, half)
    ray_line = by_name(plane_drawn)["the ray"]
    assert (ray_line.x, ray_line.y) == ((-half, half), (0, 0))


def test_the_planes_axes_carry_labels_and_units(plane_drawn):
    layout = plane_drawn.layout
    assert title(layout.xaxis) == "first (units of the vector)"
    assert title(layout.yaxis) == "&lt;second&gt; (units of the vector)"


def test_a_long_label_ends_in_an_ellipsis(plane):
    drawn = region_figure(replace(plane, labels=("towards " + "word " * 50, "second")))
    assert title(drawn.layout.xaxis) == "towards word word word word wor… (units of the vector)"


@tricky
def test_the_plane_shows_tokens_as_they_are(plane, text, shown):
    corners = plane.axis[[[0, 0], [-1, 0], [-1, -1], [0, -1]]]
    assert list(notes(region_figure(replace(plane, cells=[Cell(0, text, corners)])))) == [shown]


# --- the cloud ------------------------------------------------------------------------------------


def cloud_view(argmax, method="PCA"):
    random, n = np.random.default_rng(0), len(argmax)
    kl, points = random.uniform(0, 6 * EPSILON, n), random.standard_normal((n, 2))
    sample = Cloud(np.zeros((n, 3)), kl, np.array(argmax), EPSILON, seed=0)
    texts = [f" {i}" for i in argmax]
    return CloudView(method, points, sample, texts, COORDINATES if method == "PCA" else None)


def test_the_cloud_gives_each_leading_token_its_shape():
    """Tokens 8, 3, 9 and 1 are the most frequent; 2, 5 and 6 share what is left."""
    view = cloud_view([8, 3, 5, 8, 9, 1, 8, 3, 9, 2, 8, 3, 1, 9, 3, 8, 6])
    drawn = cloud_figure(view)
    expected = {
        "␣8": (8,),
        "␣3": (3,),
        "␣9": (9,),
        "␣1": (1,),
        "other tokens": (2, 5, 6),
    }
    assert [trace.name for trace in drawn.data] == list(expected)
    for trace, tokens in zip(drawn.data, expected.values(), strict=True):
        members = np.isin(view.cloud.argmax, tokens)
        np.testing.assert_array_equal(trace.x, view.points[members, 0].astype(np.float32))
        np.testing.assert_array_equal(trace.y, view.points[members, 1].astype(np.float32))
        kl = view.cloud.kl[members]
        np.testing.assert_array_equal(trace.marker.color, (kl / EPSILON).astype(np.float32))
        np.testing.assert_array_equal(trace.customdata, kl[:, None])
        assert list(trace.text) == [f"␣{i}" for i in view.cloud.argmax[members]]
        assert trace.mode == "markers"
    assert len({trace.marker.symbol for trace in drawn.data}) == 5


def test_the_clouds_colours_are_divergences_in_units_of_epsilon():
    layout = cloud_figure(cloud_view([1, 2])).layout
    assert (layout.coloraxis.cmin, layout.coloraxis.cmax) == (0, 4)
    assert layout.coloraxis.colorscale[0][1] == "#00224e"
    assert layout.coloraxis.colorbar.title.text == "KL / ε"
    assert all(
        trace.marker.coloraxis == "coloraxis" for trace in cloud_figure(cloud_view([1])).data
    )


@pytest.mark.parametrize(("method", "unit"), [("PCA", "units of the vector"), ("UMAP", "no unit")])
def test_the_cloud_has_equal_scales_and_says_if_axes_are_lengths(method, unit):
    layout = cloud_figure(cloud_view([1, 2], method)).layout
    assert layout.yaxis.scaleanchor == "x"
    assert title(layout.xaxis) == f"{method} 1 ({unit})"
    assert title(layout.yaxis) == f"{method} 2 ({unit})"


def test_a_cloud_of_one_token_has_one_shape():
    drawn = cloud_figure(cloud_view([4, 4, 4]))
    assert [trace.name for trace in drawn.data] == ["␣4"]
    assert drawn.layout.showlegend  # Plotly gives one trace none of itself


@tricky
def test_the_cloud_shows_tokens_as_they_are(text, shown):
    (trace,) = cloud_figure(replace(cloud_view([7, 7]), texts=[text, text])).data
    assert trace.name == shown
    assert list(trace.text) == [shown, shown]


# --- the spectrum ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pairs():
    return spectrum(random_state(0), k=6)


def test_the_spectrum_shows_eigenvalues_by_rank_on_a_log_axis(pairs):
    drawn = spectrum_figure(pairs, None)
    (bars,) = drawn.data
    np.testing.assert_array_equal(bars.x, range(1, 7))
    np.testing.assert_array_equal(bars.y, pairs.eigenvalues.numpy())
    np.testing.assert_array_equal(bars.customdata, pairs.share.numpy())
    assert drawn.layout.yaxis.type == "log"
    assert title(drawn.layout.xaxis) == "eigendirection"
    assert title(drawn.layout.yaxis) == "eigenvalue λ (nats/unit²)"


@pytest.mark.parametrize("chosen", [0, 3, 5])
def test_the_chosen_eigendirection_stands_out(pairs, chosen):
    (bars,) = spectrum_figure(pairs, chosen).data
    assert bars.marker.color == tuple(ACTUAL if i == chosen else QUIET for i in range(6))


@pytest.mark.parametrize("chosen", [None, 6])
def test_no_eigendirection_stands_out_if_none_here_is_chosen(pairs, chosen):
    assert set(spectrum_figure(pairs, chosen).data[0].marker.color) == {QUIET}


@pytest.mark.parametrize(("k", "step"), [(16, 1), (17, 8)])
def test_many_eigendirections_are_numbered_sparsely(k, step):
    assert spectrum_figure(spectrum(random_state(d=20), k), 0).layout.xaxis.dtick == step


# --- tokens ---------------------------------------------------------------------------------------


def test_the_next_tokens_are_bars_with_the_likeliest_on_top():
    tokens = Token(0, 42, " Paris"), Token(1, 7, " a"), Token(2, 40, " the")
    drawn = next_tokens_figure(list(zip(tokens, [0.75, 0.0123456, 1e-9], strict=True)))
    (bars,) = drawn.data
    assert bars.orientation == "h"
    assert bars.x == (0.75, 0.0123456, 1e-9)
    assert bars.y == drawn.layout.yaxis.tickvals == (0, 1, 2)
    assert drawn.layout.yaxis.ticktext == ("␣Paris", "␣a", "␣the")
    assert drawn.layout.yaxis.autorange == "reversed"
    assert bars.text == ("0.75", "0.0123", "1e-09")
    assert title(drawn.layout.xaxis) == "probability"
    low, high = drawn.layout.xaxis.range
    assert low == 0
    assert 1.05 < high / 0.75 < 1.2


def test_pushes_put_gains_on_top_and_the_greatest_loss_at_the_bottom():
    losing = [Push(-0.5, 1, "most"), Push(-0.1, 2, "less")]
    gaining = [Push(0.4, 3, "up"), Push(0.0, 4, "not")]
    drawn = pushes_figure(losing, gaining)
    (bars,) = drawn.data
    assert bars.orientation == "h"
    assert bars.x == (0.4, -0.1, -0.5)  # a bar that nobody sees is left out
    assert drawn.layout.yaxis.ticktext == ("up", "less", "most")
    assert drawn.layout.yaxis.autorange == "reversed"
    assert bars.y == drawn.layout.yaxis.tickvals == (0, 1, 2)
    assert bars.marker.color == (ACTUAL, QUIET, QUIET)
    assert title(drawn.layout.xaxis) == "probability per coordinate unit, + side"


@tricky
def test_bars_show_tokens_as_they_are_and_leave_room_for_them(text, shown):
    for drawn in (
        next_tokens_figure([(Token(0, 5, text), 1.0)]),
        pushes_figure([], [Push(1.0, 5, text)]),
    ):
        assert drawn.layout.yaxis.ticktext == (shown,)
        assert drawn.layout.yaxis.automargin


# --- all of them, at the edges of what there is ---------------------------------------------------

EXTREME = {
    "open": random_state(1, V=60, d=10, gain=2),
    "nearly certain": nearly_one_hot(0, V=12, d=10, gap=23.0),  # 1 − 1e-9
    "a tie": with_logits(np.random.default_rng(0).standard_normal((12, 10)), [1.0] * 2 + [0] * 10),
    "two tokens": random_state(0, V=2, d=10),
}


@pytest.mark.parametrize("state", EXTREME.values(), ids=EXTREME)
def test_figures_of_extreme_states_are_whole(state, monkeypatch):
    monkeypatch.setattr(
        "stability.views.region.ANGLES", 12
    )  # of certain states each takes its time
    pairs = spectrum(state, k=10)
    line = ray(state, pairs.vectors[:, 0])
    check_whole(ray_figure(ray_view(line, "eigendirection 1", 0.01)))
    check_whole(spectrum_figure(pairs, 0))
    check_whole(next_tokens_figure(state.most_likely(10)))
    check_whole(pushes_figure(*line.pushed(5)))
    plane = region_view(region(state, *pairs.vectors[:, :2].T), ("1", "2"), 0.01, 0.1)
    if plane is not None:
        check_whole(region_figure(plane))


@pytest.mark.parametrize("method", ["PCA", "UMAP"])
def test_a_real_cloud_is_whole(method):
    state = EXTREME["open"]
    sample = cloud(state, spectrum(state, k=4), EPSILON, n=60, k=4)
    texts = [state.text(int(i)) for i in sample.argmax]
    check_whole(cloud_figure(CloudView(method, sample.pca(), sample, texts, None)))


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("gap", [1.0, 2000.0])
def test_one_eigenvalue_or_zeros_only_are_drawn_too(gap, k):
    pairs = spectrum(nearly_one_hot(gap=gap), k=k)
    assert (gap == 2000) == (not pairs.eigenvalues.any())
    drawn = spectrum_figure(pairs, 0)
    check_whole(drawn)
    assert len(drawn.data[0].y) == k


def test_a_picture_that_cannot_be_written_is_said(tmp_path, monkeypatch):
    drawn = style.figure(100)
    with pytest.raises(StabilityError, match=r"needs a file that can be written; .*: choose an"):
        style.save(drawn, tmp_path / "absent" / "a.png")
    with pytest.raises(StabilityError, match=r"as .png or .svg; .*a.nothing' was not"):
        style.save(drawn, tmp_path / "a.nothing")

    def missing(*arguments, **options):
        raise ValueError("requires the Kaleido package")

    monkeypatch.setattr(type(drawn), "write_image", missing)
    with pytest.raises(StabilityError, match=r"requires the Kaleido package\): run `pip install"):
        style.save(drawn, tmp_path / "a.png")
