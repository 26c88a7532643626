"""The numbers of the instrument against the library's, and the words that explain them."""

import re
from pathlib import Path

import numpy as np
import pytest
from support.drawn import settled
from support.scenes import eigen_scene

from stability import instrument
from stability.text import digits

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SCRIPTS = Path(instrument.__file__).parent / "js"
HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def sent(analysis):
    return eigen_scene(
        analysis,
        calibrated=[
            {"epsilon": 0.01, "minus": [0.13, 0.12999, 0.13002], "plus": [0.1, 0.09, 0.12]},
            {"epsilon": 0.04, "minus": [0.26, 0.25, 0.27], "plus": None},
        ],
    )


def change(page, **view):
    page.evaluate("(view) => mounted.change(view)", view)
    settled(page)


def shown(value):
    return digits(value).replace("-", "−")


def test_the_main_numbers_are_the_librarys_at_every_budget_and_in_both_units(
    mounted, analysis, sent
):
    page, ray = mounted(sent), analysis.ray
    for epsilon in (1e-3, 0.01, 0.3, 2.0):
        minus, plus = ray.find(np.array([epsilon])).distances[:, 0]
        brackets = ray.certificate(epsilon)
        for relative in (False, True):
            unit, symbol = (analysis.state.norm / 100, " %") if relative else (1.0, "")
            change(page, epsilon=epsilon, relative=relative)
            expected = {
                "predicted": shown(ray.predicted_radius(epsilon) / unit) + symbol,
                "actual-minus": shown(minus / unit) + symbol,
                "actual-plus": shown(plus / unit) + symbol,
            }
            for name, (inner, outer) in zip(("minus", "plus"), brackets, strict=True):
                text = f"{shown(inner / unit)} – {shown(outer / unit)}{symbol}"
                expected[f"certified-{name}"] = text
            found = {name: page.get_by_test_id(name).inner_text() for name in expected}
            assert found == expected


def rows(page):
    """What the table of all numbers says: value and unit of each."""
    return {
        row.get_attribute("data-testid").removeprefix("number-"): [
            cell.inner_text() for cell in row.locator("td").all()[:2]
        ]
        for row in page.locator(".everything tbody tr").all()
    }


def test_all_other_numbers_are_the_librarys_too(mounted, analysis, sent):
    page = mounted(sent, epsilon=0.01)
    page.get_by_text("All numbers").click()
    change(page)
    state, ray, sensitivity = analysis.state, analysis.ray, analysis.sensitivity
    found = rows(page)
    nearest = sensitivity.nearest_flip
    minus, plus = ray.flips()
    assert found["first-flip-minus"][0] == f"{minus[0].text} at {shown(minus[0].distance)}"
    assert found["first-flip-plus"][0] == f"{plus[0].text} at {shown(plus[0].distance)}"
    assert found["nearest-flip"] == [f"{nearest.text} at {shown(nearest.distance)}", "units"]
    assert found["entropy"] == [shown(state.entropy), "nats"]
    assert found["margin"] == [shown(state.margin), "nats"]
    assert found["curvature"] == [shown(ray.curvature), "nats/unit²"]
    assert found["trace"][0] == shown(analysis.spectrum.trace)
    assert found["ball"][0] == shown(sensitivity.certified_ball(0.01))
    assert found["token-constraint-bound"][0] == shown(sensitivity.token_constraint_bound)
    assert found["kappa-3"] == [shown(ray.cumulants[1]), "nats/unit³"]
    assert found["kappa-4"] == [shown(ray.cumulants[2]), "nats/unit⁴"]
    assert found["trust-minus"][0] == shown(analysis.trust_range[0])


def test_units_reach_curvature_and_cumulants(mounted, analysis, sent):
    page = mounted(sent, epsilon=0.01, relative=True)
    page.get_by_text("All numbers").click()
    change(page)
    unit, found = analysis.state.norm / 100, rows(page)
    assert found["curvature"] == [shown(analysis.ray.curvature * unit**2), "nats/(%)²"]
    assert found["kappa-3"] == [shown(analysis.ray.cumulants[1] * unit**3), "nats/(%)³"]
    assert found["nearest-flip"][1] == "% of ‖vector‖"


def test_a_calibrated_radius_has_the_digits_that_tell_its_range_or_a_reason(mounted, sent):
    page = mounted(sent, epsilon=0.01)
    page.get_by_text("All numbers").click()
    change(page)
    assert rows(page)["calibrated-minus"][0] == "0.130000 (0.129990 – 0.130020)"
    # half way between two steps, in logarithms
    change(page, epsilon=0.02)
    assert rows(page)["calibrated-minus"][0].startswith("0.1838 (")
    assert rows(page)["calibrated-plus"][0] == "–"
    change(page, epsilon=1.0)
    assert rows(page)["calibrated-minus"][0] == "–"
    row = page.get_by_test_id("number-calibrated-minus")
    assert "no similar boundaries" in row.inner_text()


def test_what_is_not_known_or_not_there_is_said_so_and_has_no_number(scripts):
    model = {
        "line": {},
        "predicted": 0.1,
        "unit": {"length": 1.0, "symbol": ""},
        "view": {"relative": False},
        "scene": {"setting": {"norm": 50.0}},
    }

    def said(kind="not reached", distance=None, **changes):
        side = {"boundary": {"distance": distance, "kind": kind}, "bracket": None}
        told = {**model, "sides": [side, side]} | changes
        return scripts("numbers.js", "mainNumbers", told, [[]])[0]

    nothing = ["–", ""]
    predicted = ["0.100", "0.200 % of ‖vector‖"]
    computed = ["…", "being computed"]
    assert said("not known") == [predicted, *[computed] * 2, *[nothing] * 2]
    assert said()[1] == ["not reached", "too short: no boundary is reached"]
    assert said()[3] == ["–", "no boundary to prove"]
    assert said("unresolved")[1][0] == "lost in rounding"
    assert said("jump", 0.2)[1] == ["0.200 (a jump)", "2.00 times too short"]
    assert said("reached", 0.2)[3] == ["–", "nothing is proved here"]
    assert said(line=None) == [["–", "no curvature"], *[nothing] * 4]


def test_every_word_that_explains_itself_is_in_the_glossary(scripts):
    named = set()
    for script in SCRIPTS.glob("*.js"):
        source = script.read_text("utf-8")
        named |= set(re.findall(r'term: "([^"]+)"|word\(instrument, "([^"]+)"', source))
    words = {first or second for first, second in named}
    assert len(words) > 10
    texts = scripts("glossary.js", "explanation", "nat", [[]])
    assert "unit of KL" in texts[0]
    for word in words:
        assert scripts("glossary.js", "explanation", word, [[]])[0], word


@pytest.mark.parametrize(
    "word",
    ["token", "nat", "eigendirection", "eigenvalue", "trace", "margin", "nearest flip", "seed"],
)
def test_the_glossary_has_the_words_on_the_screen(scripts, word):
    assert len(scripts("glossary.js", "explanation", word, [[]])[0]) > 40


def test_a_word_is_explained_by_focus_and_by_a_press_until_escape(mounted, sent):
    page = mounted(sent)
    word = page.locator(".verdict .word").first
    card = page.locator(".card")
    word.focus()
    assert card.is_visible()
    assert "no other direction" in card.inner_text()
    assert word.get_attribute("aria-describedby") == card.get_attribute("id")
    page.keyboard.press("Escape")
    assert not card.is_visible()
    assert word.get_attribute("aria-describedby") is None
    word.click()
    assert card.is_visible()
    page.mouse.click(5, 5)
    assert not card.is_visible()


def test_a_card_can_be_hovered_and_the_words_of_a_part_are_one_stop(mounted, sent):
    page = mounted(sent)
    words = page.locator(".numbers .word")
    assert words.evaluate_all("(all) => all.map((one) => one.tabIndex)") == [0, -1, -1, -1, -1]
    words.first.focus()
    page.keyboard.press("ArrowRight")
    assert words.evaluate_all("(all) => all.map((one) => one.tabIndex)") == [-1, 0, -1, -1, -1]
    assert [words.nth(i).get_attribute("aria-expanded") for i in (0, 1)] == ["false", "true"]
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    words.last.hover()
    card = page.locator(".card")
    card.wait_for(state="visible")
    box = card.bounding_box()
    # the hand goes into the card, which stays while it is there
    page.mouse.move(box["x"] + 20, box["y"] + 10)
    assert card.evaluate("(node) => getComputedStyle(node).pointerEvents") == "auto"
    page.mouse.move(2, 2)
    card.wait_for(state="hidden")


def test_targets_are_large_enough_for_a_finger(mounted, sent):
    page = mounted(sent, width=390)
    small = page.evaluate(
        """[...document.querySelectorAll("button, [role=button]:not(.word), [role=radio], select")]
            .map((one) => [one.dataset.testid ?? one.textContent, one.getBoundingClientRect()])
            .filter(([, { width, height }]) => width && Math.min(width, height) < 24)
            .map(([name, { width, height }]) => [name, width, height])"""
    )
    assert small == []


def test_what_it_is_about_follows_the_hand_and_stays_folded(mounted, sent):
    page = mounted(sent)
    before = page.locator(".about-drawing").get_attribute("aria-label")
    change(page, t=0.3)
    assert page.locator(".about-drawing").get_attribute("aria-label") != before
    page.get_by_text("What is pushed, and what is asked").click()
    page.wait_for_function("localStorage.getItem('stability.about.folded') === '1'")


def test_what_it_is_about_is_drawn_when_it_is_unfolded(mounted, sent):
    page = mounted(None)
    # folded as it would be on a second visit
    page.evaluate("document.querySelector('.about').open = false")
    page.evaluate("(scene) => mounted.receive(scene)", sent)
    change(page)
    assert page.locator(".about-number").count() == 0
    page.get_by_text("What is pushed, and what is asked").click()
    page.locator(".about-number").first.wait_for(state="attached")


def test_tokens_in_the_verdict_are_text(mounted, sent):
    line = {**sent["line"], "texts": [HOSTILE] * len(sent["line"]["texts"])}
    tokens = [{**token, "text": HOSTILE} for token in sent["tokens"]]
    named = [{**token, "text": HOSTILE} for token in sent["next"]]
    page = mounted({**sent, "line": line, "tokens": tokens, "next": named, "look_at": HOSTILE})
    assert HOSTILE in page.get_by_test_id("verdict").inner_text()
    assert HOSTILE in page.locator(".look-at").inner_text()
    assert page.locator(".verdict img").count() == 0


def test_nodes_of_the_verdict_and_the_numbers_stay_the_same_while_epsilon_moves(mounted, sent):
    page = mounted(sent, epsilon=0.01)
    page.evaluate("globalThis.before = [...document.querySelectorAll('.verdict *, .numbers *')]")
    change(page, epsilon=0.011)
    assert page.evaluate("before.every((node) => node.isConnected)")
