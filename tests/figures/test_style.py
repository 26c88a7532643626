"""Colours that mean the same everywhere, text safe in markup, and pictures as files."""

import html

import numpy as np
import pytest
from support.figures import tricky

from stability.errors import StabilityError
from stability.figures import style
from stability.figures.style import (
    ACTUAL,
    AXIS_GREY,
    CATEGORIES,
    CERTIFIED_GREY,
    FLIP,
    PREDICTED,
    visible,
)
from stability.text import spelled


def test_colours_are_those_that_mean_the_same_everywhere():
    assert (PREDICTED, ACTUAL, FLIP) == ("#E69F00", "#0072B2", "#CC79A7")
    colours = [PREDICTED, ACTUAL, FLIP, CERTIFIED_GREY, AXIS_GREY, *CATEGORIES]
    assert len(set(colours)) == len(colours)


@tricky
def test_every_token_leaves_ink_and_no_markup(text, shown):
    assert visible(text) == shown
    assert html.unescape(shown).partition("…")[0] in spelled(text)


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([3e-5, 2e3], [1e-4, 1e-3, 1e-2, 1e-1, 1, 10, 100, 1000]),
        ([1e-30, 1e30], [10.0**power for power in range(-30, 31, 7)]),
        ([0.6, 6.0], [1, 2, 5]),
        ([0.6, 4.0], [0.7, 1, 1.5, 2, 3, 4]),
        ([0.612, 0.627], [0.61, 0.63]),
        ([2.0, 2.0], [2]),
        ([1.0, np.nan, 300.0, np.inf, 0.0], [1, 10, 100]),
    ],
)
def test_ticks_of_a_log_axis_are_few_and_all_are_whole_numbers(values, ticks):
    axis = style.log_axis(np.array(values))
    assert axis["type"] == "log"
    assert axis["tickvals"].tolist() == pytest.approx(ticks)


def test_a_log_axis_of_nothing_is_drawn():
    assert style.log_axis(np.array([np.nan])) == {"type": "log"}


@pytest.mark.slow
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
