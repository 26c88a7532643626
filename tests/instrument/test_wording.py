"""What the scripts say and draw in the same way as Python: digits, words and colours."""

import numpy as np
import pytest
from plotly.colors import sequential, unlabel_rgb

from stability.figures import style
from stability.text import digits
from stability.ui import wording

pytestmark = pytest.mark.browser

NUMBERS = [
    *(sign * 10.0**power * mantissa for sign in (-1, 1) for power in range(-6, 5) for mantissa in (1, 4.56, 9.994, 9.996)),
    *(0.0, 999.4, 999.6, 9.9949e-5, 9.999e-5, 1e-4, 0.1, 1 / 3, 2 / 3, 1e300),
]  # fmt: skip
UNIT = {"name": "units of the vector", "length": 1.0, "symbol": ""}
KINDS = ["reached", "jump"]
PAIRS = [(1.0, 1.0), (1.0, 1.0004), (1.0, 1.2), (1.2, 1.0), (1.0, 2.5), (2.5, 1.0), (1.0, 40.0)]


def test_digits_are_written_alike(scripts):
    found = [scripts("format.js", "digits", value, [[]])[0] for value in NUMBERS]
    expected = ["0" if value == 0 else digits(value).replace("-", "−") for value in NUMBERS]
    assert found == expected


def test_a_divergence_is_put_in_the_same_words(scripts):
    budgets = [1e-4, 3e-4, 3.1e-4, 3e-3, 0.01, 0.03, 0.031, 0.3, 1.0, 1.2, 1.3, 3.0]
    found = [scripts("format.js", "epsilonWords", epsilon, [[]])[0] for epsilon in budgets]
    assert found == [wording.epsilon_words(epsilon) for epsilon in budgets]


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


def test_divergences_and_tokens_have_the_same_colours(scripts, blank):
    stops = np.linspace(0, 1, 10)
    found = [scripts("cividis.js", "cividis", share, [[]])[0] for share in stops.tolist()]
    assert [unlabel_rgb(colour) for colour in found] == [
        pytest.approx(unlabel_rgb(colour)) for colour in sequential.Cividis
    ]
    line = {"ids": [*range(6)], "flips": [[], []]}
    colours = blank.evaluate(
        """async (line) => {
            const { tokenColours } = await import("/colours.js");
            return line.ids.map(tokenColours(line));
        }""",
        line,
    )
    assert colours == [*style.CATEGORIES]
