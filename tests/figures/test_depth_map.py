"""The map shows the radius of every token at every block, also where some are missing."""

import numpy as np
import pytest
from support.figures import check_whole, title

from stability.figures.depth_map import depth_map_figure, row_height
from stability.figures.style import (
    visible,
)

UNIT = "units of the vector"
TOKENS = [" the", "<b>", "\n"]


@pytest.fixture
def radii():
    return np.array([[0.1, 1.0, 10.0, 100.0], [0.2, 2.0, 20.0, 50.0], [0.5, 5.0, 30.0, 40.0]])


def test_the_map_shows_the_logarithm_of_every_radius_by_token_and_block(radii):
    drawn = depth_map_figure(radii, TOKENS, UNIT, 1)
    heat = next(trace for trace in drawn.data if trace.type == "heatmap")
    np.testing.assert_array_equal(heat.z, np.log10(radii).astype(np.float32))
    assert heat.colorscale[0][1] == "#00224e"  # cividis begins here
    check_whole(drawn)


def test_the_maps_colour_bar_shows_radii_and_their_unit(radii):
    bar = depth_map_figure(radii, TOKENS, UNIT, 1).data[0].colorbar
    assert bar.title.text == f"shortest predicted radius ({UNIT})"
    texts = [float(text) for text in bar.ticktext]
    assert texts == pytest.approx([10**tick for tick in bar.tickvals], rel=5e-3)  # three digits
    heat = depth_map_figure(radii, TOKENS, UNIT, 1).data[0]
    assert (bar.tickvals[0], bar.tickvals[-1]) == (heat.zmin, heat.zmax)


def test_the_first_token_takes_none_of_the_maps_colours_for_itself(radii):
    radii[0] *= 1000
    heat = depth_map_figure(radii, TOKENS, UNIT, 1).data[0]
    # quantiles of the logarithms of the other rows, whose ends are 0.2 and 50
    assert np.log10(0.2) < heat.zmin < heat.zmax < np.log10(50)
    alone = depth_map_figure(radii[:1], TOKENS[:1], UNIT, 0).data[0]
    assert np.log10(100) < alone.zmin < alone.zmax < np.log10(100_000)


def test_few_tokens_have_high_rows_and_many_have_low_ones():
    assert row_height(1) == row_height(5) > row_height(9) > row_height(20) == row_height(500)


def test_every_cell_of_the_map_can_be_clicked_and_shows_its_token_and_radius(radii):
    marks = next(t for t in depth_map_figure(radii, TOKENS, UNIT, 1).data if t.type == "scatter")
    cells = list(zip(marks.y, marks.x, strict=True))
    assert sorted(cells) == [(row, block) for row in range(3) for block in range(4)]
    for (row, block), (token, radius) in zip(cells, marks.customdata, strict=True):
        assert token == visible(TOKENS[row])
        assert float(radius) == radii[row, block]
    assert marks.hoverinfo != "skip"


def test_the_map_frames_the_chosen_token_and_has_the_first_on_top(radii):
    drawn = depth_map_figure(radii, TOKENS, UNIT, 1)
    [frame] = drawn.layout.shapes
    assert (frame.x0, frame.x1, frame.y0, frame.y1) == (-0.5, 3.5, 0.5, 1.5)
    assert drawn.layout.yaxis.range == (2.5, -0.5)
    assert drawn.layout.xaxis.range == (-0.5, 3.5)
    assert drawn.layout.yaxis.tickvals == (0, 1, 2)
    assert drawn.layout.yaxis.ticktext == ("␣the", "&lt;b&gt;", "⏎")
    assert title(drawn.layout.xaxis) == "block (0 is the first)"


def test_a_radius_that_is_none_leaves_a_gap_in_the_map(radii):
    radii[1, 2] = np.nan
    drawn = depth_map_figure(radii, TOKENS, UNIT, 0)
    heat = drawn.data[0]
    assert np.isnan(heat.z[1, 2])
    assert np.isnan(heat.z).sum() == 1
    assert np.isfinite(heat.colorbar.tickvals).all()
    check_whole(drawn, gaps=True)


def test_a_map_of_one_radius_is_drawn():
    drawn = depth_map_figure(np.array([[2.0]]), ["x"], UNIT, 0)
    assert drawn.data[0].z.shape == (1, 1)
    assert set(drawn.data[0].colorbar.ticktext) == {"2.00"}
    check_whole(drawn)
