"""Contrast pairs as text."""

import pytest

from stability.errors import StabilityError
from stability.steering.vectors.pairs import EXAMPLE, MOST_PAIRS, read_pairs


def test_the_shipped_pairs_are_pairs_that_differ():
    positive, negative = read_pairs(EXAMPLE)
    assert len(positive) == len(negative) == 8
    assert all(one != other for one, other in zip(positive, negative, strict=True))


def test_empty_lines_and_white_space_around_texts_say_nothing():
    assert read_pairs("\n  a b |c \n\n d| e\n") == (("a b", "d"), ("c", "e"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be 1 to"),
        ("  \n ", "received 0"),
        ("a | b\nno partner", "line 2 holds 1"),
        ("a | b | c", "line 1 holds 3"),
        ("| b", "line 1 holds 1"),
        ("a | b\n" * (MOST_PAIRS + 1), f"received {MOST_PAIRS + 1}"),
    ],
)
def test_what_is_no_pair_is_refused_with_its_line(text, said):
    with pytest.raises(StabilityError, match=said) as refused:
        read_pairs(text)
    assert "\n" not in str(refused.value)
