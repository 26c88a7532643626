"""Numbers and findings in words."""

from dataclasses import replace

import numpy as np
import pytest
from support.states import Function, nonlinear_state, random_direction, random_state, with_logits

from stability.exact.flips import Flip
from stability.geometry.continuation import Continuation
from stability.geometry.depth_check import DepthCheck
from stability.geometry.ray import ray
from stability.geometry.sensitivity import Sensitivity
from stability.prediction.provenance import Token
from stability.text import digits
from stability.ui import wording
from stability.units import Unit
from stability.views.ray import ray_view


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.123456, "0.123"),
        (0.13, "0.130"),
        (100.4, "100"),
        (-0.5, "−0.500"),
        (1234.0, "1.23e+03"),
        (None, "–"),
    ],
)
def test_numbers_have_three_digits(value, shown):
    assert wording.number(value) == shown


@pytest.mark.parametrize(
    ("predicted", "said"),
    [
        (1.1, "10.0 % too long"),
        (0.9, "10.0 % too short"),
        (1.0004, "right to 0.05 %"),
        (2.54, "2.54 times too long"),
    ],
)
def test_the_error_of_the_closed_form_in_words(predicted, said):
    assert wording.error(predicted, 1.0) == said


@pytest.mark.parametrize(
    ("epsilon", "feeling"),
    [(1e-3, "a sampler would not notice"), (3.0, "a different distribution")],
)
def test_epsilon_is_put_into_words(epsilon, feeling):
    assert wording.epsilon_words(epsilon) == feeling


def test_the_verdict_says_side_error_and_the_token_as_it_is_spelled():
    # two tokens in one dimension: token 0 takes over where 2t = log(0.7/0.3), on the minus side
    state = with_logits(np.array([[0.5], [2.5]]), np.log([0.3, 0.7]))
    line = ray(state, np.array([1.0]))
    view = ray_view(line, "the axis", 0.01)
    minus, plus = (100 * (view.predicted / actual - 1) for actual in line.boundary(0.01))
    verdict = wording.verdict(view, " a`b")
    assert minus > 0 > plus
    assert f"{digits(minus)} % too long on the − side and {digits(-plus)} % too short" in verdict
    assert verdict.startswith("After `` ␣a`b ``, along the axis, ")
    # the factory spells token 0 as <0>: no markup is escaped outside figures
    assert f"changes to `<0>` at {np.log(7 / 3) / 2:.3g} on the − side, outside" in verdict


def test_what_is_certain_of_a_ray_is_said_by_its_logits():
    views = [
        ray_view(ray(state, random_direction(state)), "a direction", 0.01)
        for state in (random_state(), random_state(softcap=5.0), nonlinear_state(softcap=5.0))
    ]
    linear, capped, below = (
        wording.certainty(v, c) for v, c in zip(views, (None, 5.0, 5.0), strict=True)
    )
    assert linear.endswith("grey band, certified.")
    assert "soft-caps its logits at 5: flips are exact, boundaries are first crossings" in capped
    assert below == "Boundaries are first crossings; nothing is certified at this site."


def test_that_no_flip_is_found_means_that_there_is_none_where_they_are_exact():
    capped = random_state(softcap=5.0)
    below = replace(capped, site="final", above=Function(lambda x: x))
    for state, far in ((capped, ""), (below, " within five norms of the vector")):
        view = ray_view(ray(state, random_direction(state)), "a direction", 0.01)
        verdict = wording.verdict(replace(view, flips=([], [])), "x")
        assert verdict.endswith(f"never changes along this line{far}.")


@pytest.mark.parametrize("text", ["**bold**", "[a](b)", ":red[x]", "$x$", "<b>", "a_b_c", "1. x"])
def test_markup_is_taken_literally(text):
    assert wording.plain(text).replace("\\", "") == text
    for mark in "*[]$<_`:.":
        assert wording.plain(text).count(mark) == wording.plain(text).count(f"\\{mark}")


def test_a_change_is_named_with_its_place_in_the_unit():
    flip = Flip(0.5, 3, " the")
    assert wording.change(flip) == "␣the at 0.500"
    assert wording.change(flip, Unit("", 0.25)) == "␣the at 2.00"
    assert wording.change(None) == "none"


def test_a_boundary_has_its_unit_or_is_not_reached():
    assert wording.boundary(0.5, " %") == "0.500 %"
    assert wording.boundary(None, " %") == "not reached"


def test_a_share_is_in_per_cent_or_a_dash():
    assert wording.percent(0.25) == "25.0 %"
    assert wording.percent(None) == "–"


def test_the_check_of_all_blocks_counts_what_is_near_and_what_is_missing():
    check = DepthCheck(
        epsilon=0.01,
        predicted=np.array([1.0, 1.0]),
        actual=np.array([[1.0, 0.8], [1.05, np.inf]]),
        scale=np.zeros(1),
        kl=np.zeros((2, 1)),
    )
    said = wording.depth_check(check)
    # errors are 0, 25 and −4.76 %
    assert "In 2 of 4 cases (both sides of 2 blocks) the closed form is within 10 %" in said
    assert "the median error is 4.76 %" in said
    assert said.endswith("Not reached: 1.")


def test_the_check_of_all_blocks_counts_what_rounding_hides_apart():
    check = DepthCheck(1e-12, np.ones(1), np.array([[1.0, np.nan]]), np.zeros(1), np.zeros((1, 1)))
    assert wording.depth_check(check).endswith("Lost in rounding: 1.")


def test_a_boundary_says_why_there_is_none_and_whether_it_is_a_jump():
    assert wording.boundary(None, kind="unresolved") == "lost in rounding"
    assert wording.boundary(None, kind="not reached") == "not reached"
    assert wording.boundary(0.25, " %", "jump") == "0.250 % (a jump)"
    assert "rounding" in wording.error(1.0, None, "unresolved")
    assert "no boundary is reached" in wording.error(1.0, None, "not reached")


def test_a_position_is_described_in_one_line():
    position = Sensitivity(
        eigenvalue=8.0, entropy=1.25, upper=8.0, reach=4.0, nearest_flip=Flip(0.5, 3, "x")
    )
    said = wording.sensitivity(position, Unit("", 0.5), 0.01)
    # sqrt(2·0.01/8) is 0.05
    assert said.startswith("shortest radius 0.100, certified ball 0.0")
    assert said.endswith("nearest flip x at 1.00, entropy 1.25 nats")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a`b", "`` a`b ``"),
        ("``", "``` `` ```"),
        (" x", "`␣x`"),
        ("->", "`-\u2060>`"),
        (":material/home:", "`:\u2060material/home:`"),
    ],
)
def test_a_token_is_code_whatever_it_is(text, shown):
    assert wording.code(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<b> & $x$", r"\<b\> \& \$x\$"),
        ("give --chat", "give \\-\u2060\\-chat"),
        ("a\n\u202eb", r"a\\n\\u202eb"),
        ("'שלום'", "'שלום'"),
    ],
)
def test_a_sentence_is_shown_literally(text, shown):
    assert wording.plain(text) == shown


def test_a_text_keeps_its_indentation_and_shows_what_it_holds():
    texts = ["if", " x", ":", "\n", "   ", " y", "\u202e", "\t"]
    tokens = tuple(Token(i, i, text) for i, text in enumerate(texts))
    kl = (0.0,) * len(tokens)
    written = wording.written(Continuation(1.0, tokens, kl, None))
    assert written == "if x\\:⏎" + 3 * "\u00a0" + r" y\\u202e⇥"
    parts = tuple(Token(i, i, part) for i, part in enumerate(("⟨E7⟩", "⟨8C⟩", "⟨AB⟩", "!")))
    assert wording.written(Continuation(1.0, parts, kl[:4], None)) == r"猫\!"
    marked = wording.written(Continuation(1.0, tokens, kl, 1))
    assert marked.startswith("if:orange-background[ x]")


def test_the_strip_is_explained_where_there_is_something_to_explain():
    said, special = Token(0, 0, "a", role="user"), Token(0, 0, "<s>", special=True)
    assert not wording.strip([Token(0, 0, "a")])
    assert "Underlined" in wording.strip([said])
    assert wording.strip([special]) == "Dashed: special tokens."
