"""Numbers and findings in words."""

import numpy as np
import pytest
from support.vector_files import control_vector, npy, npz, svec

from stability.errors import StabilityError
from stability.geometry.continuation import Continuation
from stability.geometry.depth_check import DepthCheck
from stability.prediction.provenance import Token
from stability.ui import wording
from stability.vector_files.choice import choose
from stability.vector_files.registry import parse_vectors


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


@pytest.mark.parametrize("text", ["**bold**", "[a](b)", ":red[x]", "$x$", "<b>", "a_b_c", "1. x"])
def test_markup_is_taken_literally(text):
    assert wording.plain(text).replace("\\", "") == text
    for mark in "*[]$<_`:.":
        assert wording.plain(text).count(mark) == wording.plain(text).count(f"\\{mark}")


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


ONES = np.ones(4)
UNSETTLED = {
    "no site": ("own", lambda path: npy(ONES), {}, "where it is applied"),
    "no site of several": ("own", lambda path: npz(a=ONES, b=ONES), {}, "and where it is applied"),
    "several": ("own", lambda path: npz(a=ONES, b=ONES), {"site": "block:1"}, "which vector of it"),
    "a site for some": ("own", lambda path: npz(layer_1=ONES, b=ONES), {}, "and where it is"),
    "another site": (
        "layer_1.npy",
        lambda path: npy(ONES),
        {"site": "block:2"},
        "one of its sites",
    ),
    "measured there": ("own", lambda path: svec(), {"site": "block:3"}, "one of its sites"),
    "no such name": (
        "own",
        lambda path: control_vector(path, {1: ONES}),
        {"name": "direction.2"},
        "which vector",
    ),
}


@pytest.mark.parametrize(("file", "made", "asked", "remedy"), UNSETTLED.values(), ids=UNSETTLED)
def test_a_page_says_what_to_do_there_and_not_on_the_command_line(
    tmp_path, file, made, asked, remedy
):
    with pytest.raises(StabilityError) as refused:
        choose(parse_vectors(made(tmp_path / "v"), file), 4, **asked)
    said = wording.refusal(refused.value)
    problem, _, instead = said.rpartition(": ")
    assert str(refused.value).startswith(f"{problem}: ")
    assert instead.startswith("choose in the side bar")
    assert remedy in instead
    assert "#" not in said
