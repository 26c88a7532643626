"""Figures of many measurements show what was measured."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from stability.evaluation.calibration import CLOSED_FORM, Curve
from stability.figures.calibration import (
    KIND_MARKS,
    case_points,
    errors_figure,
    predictors_figure,
    scatter_figure,
)
from stability.figures.style import (
    ACTUAL,
    PREDICTED,
)
from stability.text import digits


@pytest.fixture(scope="module")
def cases():
    draw, n = np.random.default_rng(0), 40
    return pd.DataFrame(
        {
            "kind": np.resize(["eig", "random", "tokens", "prompt"], n),
            "direction": np.resize(["eig:0", "random:5", "tokens:1,2", "prompt:x"], n),
            "site": "prelogit",
            "epsilon": np.resize([0.01, 1.0], n),
            "side": np.resize([-1, 1], n),
            "prompt": "one <b> & two",
            "token": " three\n",
            CLOSED_FORM: draw.lognormal(0, 1, n),
            "actual": draw.lognormal(0, 1, n),
        },
        index=np.arange(100, 100 + n),
    )


def test_every_case_is_a_point_of_its_kind_and_carries_its_row(cases):
    curve = Curve(np.array([-9.0, 9.0]), np.array([-8.0, 10.0]))
    drawn = scatter_figure(cases, CLOSED_FORM, {"isotonic": curve}, "units")
    clouds = {trace.legendgroup: trace for trace in drawn.data if trace.mode == "markers"}
    assert set(clouds) == set(cases["kind"])
    assert clouds["tokens"].name == "token difference"
    for kind, trace in clouds.items():
        rows = cases[cases["kind"] == kind]
        assert [row[0] for row in trace.customdata] == [*rows.index]
        np.testing.assert_allclose(trace.x, rows[CLOSED_FORM], rtol=1e-6)
        np.testing.assert_allclose(trace.y, rows["actual"], rtol=1e-6)
    assert len({(t.marker.color, t.marker.symbol) for t in clouds.values()}) == len(clouds)
    assert clouds["eig"].marker.color == KIND_MARKS["eig"][0]
    assert (drawn.layout.xaxis.type, drawn.layout.yaxis.type) == ("log", "log")
    assert "units" in drawn.layout.xaxis.title.text
    assert "units" in drawn.layout.yaxis.title.text


def test_the_dashed_orange_line_is_where_both_are_equal_and_the_solid_blue_one_the_calibration(
    cases,
):
    curve = Curve(np.array([-9.0, 9.0]), np.array([-8.0, 10.0]))
    lines = {
        trace.name: trace
        for trace in scatter_figure(cases, CLOSED_FORM, {"isotonic": curve}, "units").data
        if trace.mode == "lines"
    }
    equal = lines["predicted = actual"]
    np.testing.assert_array_equal(equal.x, equal.y)
    assert (equal.line.color, equal.line.dash) == (PREDICTED, "dash")
    np.testing.assert_allclose(lines["isotonic"].y / lines["isotonic"].x, np.e)
    assert (lines["isotonic"].line.color, lines["isotonic"].line.dash) == (ACTUAL, "solid")


def test_a_point_says_where_it_is_and_how_far_off_safely(cases):
    [trace] = case_points(cases[:1], CLOSED_FORM, go.Scatter)
    _, place, what, error = trace.customdata[0]
    assert place == "after ␣three⏎ in one &lt;b&gt; &amp; two"
    assert what == "prelogit, eigendirection 1, ε = 0.01 nats, − side"
    row = cases.iloc[0]
    off = 100 * (row[CLOSED_FORM] / row["actual"] - 1)
    radii = f"closed form {digits(row[CLOSED_FORM])}, actual {digits(row['actual'])}"
    assert error == f"{radii}: {'+' if off > 0 else '−'}{digits(abs(off))} %"


def test_the_text_of_a_direction_is_no_markup(cases):
    row = cases[:1].assign(direction="prompt:<b>x")
    [trace] = case_points(row, CLOSED_FORM, go.Scatter)
    assert "&lt;b&gt;x" in trace.customdata[0][2]


def test_predictors_stand_side_by_side_on_the_same_axes(cases):
    drawn = predictors_figure(cases, [CLOSED_FORM, "actual"])
    assert [note.text for note in drawn.layout.annotations] == [CLOSED_FORM, "actual"]
    assert drawn.layout.xaxis.range == drawn.layout.xaxis2.range
    low, high = 10 ** np.array(drawn.layout.xaxis.range)
    assert cases[[CLOSED_FORM, "actual"]].stack().between(low, high).all()
    for trace in drawn.data:
        if trace.xaxis == "x2" and trace.mode == "markers":
            np.testing.assert_array_equal(trace.x, trace.y)
    assert len([t for t in drawn.data if t.showlegend and t.name == "eigendirection"]) == 1


def test_bands_of_errors_have_a_line_for_each_epsilon():
    bands = pd.DataFrame(
        {"band": ["a", "b", "a"], "epsilon": [0.1, 0.1, 1.0], "error": [0.01, 0.1, 0.5]}
    )
    small, large = errors_figure(bands, "entropy").data
    assert (small.name, [*small.x], [*small.y]) == ("ε = 0.1", ["a", "b"], [0.01, 0.1])
    assert (large.name, [*large.y]) == ("ε = 1", [0.5])
    assert small.line.dash != large.line.dash
