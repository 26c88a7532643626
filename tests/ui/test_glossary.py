"""The glossary explains the words on the screen, and Markdown shows it as a list."""

import re

import pytest

from stability.ui.glossary import GLOSSARY

WORDS = [
    *("token", "logits", "vector", "curvature", "eigendirection", "eigenvalue", "trace"),
    *("effective rank", "seed", "covariance-matched", "nat", "KL", "ε", "stable region"),
    *("boundary", "closed form", "trust range", "certified", "certified ball", "calibrated"),
    *("cumulants", "entropy", "margin", "flip", "nearest flip", "token constraint bound"),
]


@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_explained_once(word):
    explained = [bold.lower() for bold in re.findall(r"\*\*(.*?)\*\*", GLOSSARY)]
    assert explained.count(word.lower()) == 1


def test_every_line_is_a_heading_an_item_or_the_rest_of_one():
    lines = [line for line in GLOSSARY.splitlines() if line]
    assert [line for line in lines if not re.match(r"- \*\*|  [^ +*-]|\*\*[^*]+\*\*$", line)] == []
