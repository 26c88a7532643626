"""The figure of pushes shows who gains and who loses probability, as bars."""

from support.figures import title, tricky

from stability.figures.pushes import pushes_figure
from stability.figures.style import (
    ACTUAL,
    AXIS_GREY,
)
from stability.geometry.push import Push


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
    assert bars.marker.color == (ACTUAL, AXIS_GREY, AXIS_GREY)
    assert title(drawn.layout.xaxis) == "probability per coordinate unit, + side"


@tricky
def test_bars_show_tokens_as_they_are_and_leave_room_for_them(text, shown):
    drawn = pushes_figure([], [Push(1.0, 5, text)])
    assert drawn.layout.yaxis.ticktext == (shown,)
    assert drawn.layout.yaxis.automargin
