"""The law of a dose in the scripts, held to the library's."""

import numpy as np
import pytest

from stability.curvature import fisher
from stability.defaults import DOSE_EPSILONS, DOSE_STATISTICS
from stability.steering.crossings import statistics

pytestmark = pytest.mark.browser

INFORMATION = [1e-9, 0.3, 7.0, 4e5]


def test_predicted_doses_and_divergences_are_the_librarys(scripts):
    for information in INFORMATION:
        doses = scripts("dose_law.js", "predictedDose", information, [[e] for e in (0.01, 1.0)])
        assert doses == pytest.approx([fisher.radius(information, e) for e in (0.01, 1.0)])
        kl = scripts("dose_law.js", "predictedKl", information, [[c] for c in (-2.0, 0.5)])
        assert kl == pytest.approx(fisher.quadratic(information, np.array([-2.0, 0.5])).tolist())
    assert scripts("dose_law.js", "predictedDose", 0.0, [[0.1]]) == [None]


@pytest.mark.parametrize("name", DOSE_STATISTICS)
def test_statistics_over_tokens_are_the_librarys(scripts, name):
    values = np.random.default_rng(0).exponential(size=23)
    for count in (2, 3, 21, 23):
        starts = range(count)
        found = scripts(
            "dose_law.js", "statisticOf", name, [[values[:count].tolist(), s] for s in starts]
        )
        expected = [statistics.of_text(name, values[:count, None], s)[0] for s in starts]
        assert found == pytest.approx(expected)


def test_of_one_token_alone_there_is_only_the_last(scripts):
    assert [scripts("dose_law.js", "statisticOf", n, [[[2.0], 0]])[0] for n in DOSE_STATISTICS] == [
        2.0,
        None,
        None,
    ]


def test_the_levels_and_statistics_that_a_page_offers_are_those_of_a_scene(blank):
    offered = blank.evaluate(
        """async () => {
            const { DOSE_EPSILONS: epsilons, STATISTICS } = await import("/dose_view.js");
            return [epsilons, Object.keys(STATISTICS)];
        }"""
    )
    assert offered == [[*DOSE_EPSILONS], [*DOSE_STATISTICS]]


SCALE = """async ([extent, unit, values]) => {
    const { signedScale } = await import("/dose_law.js");
    const scale = signedScale(extent, unit, [40, 440]);
    return values.map((c) => [scale.at(c), scale.value(scale.at(c))]);
}"""


@pytest.mark.parametrize("unit", [None, 0.2])
def test_a_scale_shows_both_signs_alike_and_is_undone(blank, unit):
    values = [-10.0, -3.0, -0.01, 0.0, 0.01, 3.0, 10.0]
    found = blank.evaluate(SCALE, [10.0, unit, values])
    pixels = [pixel for pixel, _ in found]
    assert [back for _, back in found] == pytest.approx(values, abs=1e-12)
    assert pixels == sorted(pixels)
    assert (pixels[0], pixels[3], pixels[-1]) == pytest.approx((40, 240, 440))
    # odd about its middle
    assert np.add(pixels, pixels[::-1]) == pytest.approx(np.full(7, 480))


def test_a_logarithmic_scale_tells_small_doses_apart(blank):
    for unit, least in ((None, 5.9), (0.2, 45)):
        [[zero, _], [small, _]] = blank.evaluate(SCALE, [10.0, unit, [0.0, 0.3]])
        assert small - zero > least


LINK = """async ([written]) => {
    const { decode, encode } = await import("/dose_view.js");
    const { view, notes } = decode(new URLSearchParams(written));
    return [view, notes, encode(view)];
}"""


def test_a_view_is_written_in_a_link_and_read_again(blank):
    written = "c=-2.718&epsilon=1&statistic=last&linear=1&token=3&side=-1&large=1"
    view, notes, again = blank.evaluate(LINK, [written])
    assert notes == []
    assert view == {
        "c": -2.718,
        "epsilon": 1,
        "statistic": "last",
        "linear": True,
        "token": 3,
        "side": -1,
        "large": True,
    }
    assert "&".join(f"{name}={text}" for name, text in again.items()) == written
    _, _, nothing = blank.evaluate(LINK, [""])
    assert set(nothing.values()) == {None}


@pytest.mark.parametrize(
    "asked", ["c=abc", "c=1e300", "epsilon=0.5", "statistic=max", "side=2", "token=-1"]
)
def test_what_a_link_cannot_mean_is_left_out_and_said(blank, asked):
    view, [note], _ = blank.evaluate(LINK, [asked])
    name, text = asked.split("=")
    assert name in note
    assert text in note
    assert view == blank.evaluate(LINK, [""])[0]
