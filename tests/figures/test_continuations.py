"""The figure of continued texts shows their divergences, step by step."""

import numpy as np

from stability.figures.continuations import continuations_figure
from stability.figures.style import (
    FLIP,
)
from stability.geometry.continuation import LEAST_KL, Continuation
from stability.prediction.provenance import Token


def test_texts_are_drawn_step_by_step_and_their_first_difference_is_marked():
    tokens = tuple(Token(i, i, text) for i, text in enumerate(" ab"))
    same = Continuation(1.0, tokens, (0.0, 1e-3, 2e-3), None)
    other = Continuation(2.0, tokens, (0.1, 0.2), 1)
    drawn = continuations_figure([("r", same), ("2r", other)])
    lines = {trace.name: trace for trace in drawn.data if trace.mode == "lines"}
    np.testing.assert_array_equal(lines["r"].y, [LEAST_KL, 1e-3, 2e-3])
    np.testing.assert_array_equal(lines["2r"].x, [1, 2])
    assert [*lines["2r"].customdata] == ["␣", "a"]
    [mark] = [trace for trace in drawn.data if trace.mode == "markers"]
    assert ([*mark.x], [*mark.y], mark.marker.color) == ([2], [0.2], FLIP)
    assert drawn.layout.yaxis.type == "log"


def test_a_token_that_is_a_placeholder_is_shown_as_it_is():
    tokens = (Token(0, 0, "%{y}"),)
    drawn = continuations_figure([("r", Continuation(1.0, tokens, (0.1,), 0))])
    [mark] = [trace for trace in drawn.data if trace.mode == "markers"]
    assert [*mark.customdata] == ["%{y}"]
    assert "%{y}" not in mark.hovertemplate
