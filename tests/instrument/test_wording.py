"""What the scripts say and draw in the same way as Python: digits, words and colours."""

import numpy as np
import pytest
from plotly.colors import hex_to_rgb, sequential, unlabel_rgb

from stability.figures import style
from stability.text import digits, in_nats
from stability.ui import wording

pytestmark = pytest.mark.browser

MANTISSAS = [1, 4.56, 9.994, 9.996]
POWERS = [10.0**power for power in range(-6, 5)]
NUMBERS = [
    *(sign * mantissa * power for sign in (-1, 1) for power in POWERS for mantissa in MANTISSAS),
    *(0.0, 999.4, 999.6, 9.9949e-5, 9.999e-5, 1e-4, 0.1, 1 / 3, 2 / 3, 1e300),
]
UNIT = {"name": "units of the vector", "length": 1.0, "symbol": ""}
KINDS = ["reached", "jump"]
PAIRS = [(1.0, 1.0), (1.0, 1.0004), (1.0, 1.2), (1.2, 1.0), (1.0, 2.5), (2.5, 1.0), (1.0, 40.0)]


def each(page, script, name, values):
    """What a function of a script says of each of many values."""
    return page.evaluate(
        """async ([script, name, values]) => {
            const found = await import(script);
            return values.map((value) => found[name](value));
        }""",
        [script, name, values],
    )


def test_digits_are_written_alike(blank):
    found = each(blank, "/format.js", "digits", NUMBERS)
    expected = ["0" if value == 0 else digits(value).replace("-", "−") for value in NUMBERS]
    assert found == expected


def test_a_divergence_is_put_in_the_same_words(blank):
    budgets = [1e-4, 3e-4, 3.1e-4, 3e-3, 0.01, 0.03, 0.031, 0.3, 1.0, 1.2, 1.3, 3.0]
    found = each(blank, "/format.js", "epsilonWords", budgets)
    assert found == [wording.epsilon_words(epsilon) for epsilon in budgets]


def test_nats_are_counted_in_the_same_words(blank):
    amounts = ["1", "0.1", "10", "1.00"]
    assert each(blank, "/format.js", "natsText", amounts) == [*map(in_nats, amounts)]


@pytest.mark.parametrize("kind", KINDS)
def test_errors_and_boundaries_are_put_in_the_same_words(scripts, kind):
    for predicted, actual in PAIRS:
        boundary = {"distance": actual, "kind": kind}
        (error,) = scripts("format.js", "errorText", predicted, [[boundary]])
        assert error == wording.error(predicted, actual, kind)
        (said,) = scripts("format.js", "boundaryText", boundary, [[UNIT]])
        assert said == wording.boundary(actual, "", kind)


@pytest.mark.parametrize("kind", ["not reached", "unresolved"])
def test_a_boundary_that_is_not_there_is_put_in_the_same_words(scripts, kind):
    boundary = {"distance": None, "kind": kind}
    (error,) = scripts("format.js", "errorText", 0.1, [[boundary]])
    assert error == wording.error(0.1, None, kind)
    (said,) = scripts("format.js", "boundaryText", boundary, [[UNIT]])
    assert said == wording.boundary(None, "", kind)


def test_divergences_and_tokens_have_the_same_colours(blank):
    stops = np.linspace(0, 1, 10).tolist()
    found = each(blank, "/cividis.js", "cividis", stops)
    assert [unlabel_rgb(colour) for colour in found] == [
        pytest.approx(hex_to_rgb(colour)) for colour in sequential.Cividis
    ]
    lines = [
        {"ids": [*range(9)], "flips": flips}
        for flips in ([[], []], [[[2.0, 8]], [[1.0, 1], [3.0, 7]]])
    ]
    colours = blank.evaluate(
        """async (lines) => {
            const { tokenColours, OTHERS } = await import("/colours.js");
            const named = (line) => line.ids.map((id) => [id, tokenColours(line)(id)]);
            return lines.map((line) => named(line).filter(([, colour]) => colour !== OTHERS));
        }""",
        lines,
    )
    first, second = ({int(token): colour for token, colour in line} for line in colours)
    assert [*first.values()] == [*style.CATEGORIES]
    # the most likely keep their colours, and those that take over nearest have the others
    assert [*second] == [0, 1, 2, 3, 4, 8]
    assert second == {token: first[token] for token in range(4)} | {8: second[8], 4: second[4]}
