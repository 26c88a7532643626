"""The figure of next tokens shows their probabilities, as bars."""

from support.figures import title, tricky

from stability.figures.next_tokens import next_tokens_figure
from stability.prediction.provenance import Token


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


@tricky
def test_bars_show_tokens_as_they_are_and_leave_room_for_them(text, shown):
    drawn = next_tokens_figure([(Token(0, 5, text), 1.0)])
    assert drawn.layout.yaxis.ticktext == (shown,)
    assert drawn.layout.yaxis.automargin
