"""Rays that are kept: what is beside what, and the differences."""

import numpy as np
import pytest
from support.drawn import written
from support.scenes import eigen_analysis, eigen_scene
from support.states import random_state

from stability.instrument.scene import pin
from stability.text import digits

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def analyses():
    return [eigen_analysis(random_state(gain=2.0), rank) for rank in (0, 1)]


@pytest.fixture(scope="module")
def sent(analyses):
    now, kept = (eigen_scene(analysis, second=2) for analysis in analyses)
    return {**now, "pins": [pin(kept)]}


def table(page):
    return [
        [cell.inner_text() for cell in row.locator("th, td").all()]
        for row in page.locator(".compare tbody tr").all()
    ]


def test_pinning_asks_the_server_and_so_do_unpinning_and_starting_again(mounted, sent):
    page = mounted(sent)
    for name in ("pin", "unpin-0", "reset"):
        page.get_by_test_id(name).click()
    assert page.evaluate("events.map(({ kind, index }) => [kind, index ?? null])") == [
        ["pin", None],
        ["unpin", 0],
        ["reset", None],
    ]


def test_a_pinned_ray_stands_beside_the_present_one_with_the_difference(mounted, analyses, sent):
    page = mounted(sent, epsilon=0.1)
    now, kept = (analysis.ray.predicted_radius(0.1) for analysis in analyses)
    difference = digits(now - kept).replace("-", "−")
    signed = difference if now < kept else f"+{difference}"
    assert table(page)[0] == ["predicted r", digits(now), digits(kept), signed]
    assert page.locator(".pin bdi").inner_text() == "eigendirection 2"
    names = page.locator(".pin-tokens h4").all_inner_texts()
    assert [name.split(",")[0] for name in names] == ["now", "pin 1"]


def test_the_ends_of_certified_intervals_have_their_differences(mounted, analyses, sent):
    page = mounted(sent, epsilon=0.1)
    brackets = [analysis.ray.certificate(0.1) for analysis in analyses]
    for side, sign in enumerate("−+"):
        (_, now, kept, difference) = next(
            row for row in table(page) if row[0] == f"certified {sign}"
        )
        ends = [bracket[side] for bracket in brackets]
        shown = [" – ".join(written(end) for end in pair) for pair in ends]
        assert [now, kept] == shown
        apart = [here - there for here, there in zip(*ends, strict=True)]
        signed = [f"+{written(one)}" if one > 0 else written(one) for one in apart]
        assert difference == " and ".join(signed)


def test_in_hundredths_a_kept_ray_is_read_at_those_of_its_own_norm(mounted, analyses, sent):
    (kept,) = sent["pins"]
    norm = sent["setting"]["norm"]
    pins = [{**kept, "setting": {**kept["setting"], "norm": 2 * norm}}]
    page = mounted({**sent, "pins": pins}, relative=True, t=0.1)
    _, now, beside, _ = next(row for row in table(page) if row[0].startswith("KL at t"))
    rays = [analysis.ray for analysis in analyses]
    expected = [float(ray.kl(np.array([t]))[0]) for ray, t in zip(rays, (0.1, 0.2), strict=True)]
    assert [now, beside] == [digits(value) for value in expected]


def test_without_a_pin_there_is_no_table(mounted, sent):
    page = mounted({**sent, "pins": []})
    assert not page.locator(".compare table").is_visible()
    assert page.get_by_test_id("pin").is_visible()


def test_a_pin_is_named_by_what_sets_it_apart(scripts):
    model = {"name": "tiny", "title": "Tiny"}
    here = {"prompt": "A", "position": 0, "site": "prelogit"}
    present = {"direction": {"label": "eigendirection 1"}, "model": model, **here}
    other = present | {"prompt": "B" * 50, "position": 3, "site": "block:1"}
    assert scripts("compared.js", "pinName", present, [[present]]) == ["eigendirection 1"]
    (name,) = scripts("compared.js", "pinName", other, [[present]])
    assert name == f"eigendirection 1, “{'B' * 39}…”, position 3, block:1"
