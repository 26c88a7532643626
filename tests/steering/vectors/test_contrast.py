"""Vectors made of pairs: the formula, by hand."""

import numpy as np
import pytest

from stability.errors import StabilityError
from stability.steering.vectors.contrast import contrast_vector

MORE = ["the cat sat", "a dog ran", "the mat"]
LESS = ["the cat", "a dog", "the mat sat"]


def differences(lm, site):
    return np.stack(
        [
            (lm.capture(a, site=site).vector - lm.capture(b, site=site).vector).double().numpy()
            for a, b in zip(MORE, LESS, strict=True)
        ]
    )


def test_the_mean_of_the_differences_is_the_vector(lm):
    vector = contrast_vector(lm, MORE, LESS, "blocks.0.hook_resid_post")
    assert (vector.site, vector.extracted) == ("block:0", {"block:0": "block:0"})
    # differences of float32 states
    expected = differences(lm, "block:0").mean(axis=0)
    np.testing.assert_allclose(vector.vectors["block:0"], expected, rtol=1e-5, atol=1e-6)


def test_the_pca_is_the_longest_direction_with_the_sign_of_the_mean(lm):
    [vector] = contrast_vector(lm, MORE, LESS, "block:1", "pca").vectors.values()
    D = differences(lm, "block:1")
    values, directions = np.linalg.eigh(D.T @ D / len(D))
    assert np.linalg.norm(vector) == pytest.approx(np.sqrt(values[-1]), rel=1e-6)
    cosine = directions[:, -1] @ vector / np.linalg.norm(vector)
    assert abs(cosine) == pytest.approx(1, rel=1e-9)
    assert vector @ D.mean(axis=0) > 0


def test_several_sites_have_a_vector_each(lm):
    vector = contrast_vector(lm, MORE, LESS, "block:1,block:0")
    assert list(vector.vectors) == ["block:0", "block:1"]
    np.testing.assert_array_equal(
        vector.vectors["block:1"], contrast_vector(lm, MORE, LESS, "block:1").vectors["block:1"]
    )


def test_a_lone_text_is_one_prompt_and_not_its_letters(lm):
    alone = contrast_vector(lm, "the cat sat", "the cat", "block:0")
    several = contrast_vector(lm, ["the cat sat"], ["the cat"], "block:0")
    np.testing.assert_array_equal(alone.vectors["block:0"], several.vectors["block:0"])
    assert alone.file == "mean of 1 contrast pair"


def test_a_pair_that_is_given_twice_counts_twice_and_is_said(lm):
    twice = contrast_vector(lm, [*MORE, MORE[0]], [*LESS, LESS[0]], "block:0")
    assert twice.warnings == ("1 contrast pair repeated: each counts as often as it is given.",)
    assert contrast_vector(lm, MORE, LESS, "block:0").warnings == ()
    # one text against several others is no repetition
    assert contrast_vector(lm, MORE, [LESS[0]] * len(MORE), "block:0").warnings == ()


def test_two_names_of_one_site_are_refused(lm):
    with pytest.raises(StabilityError, match="'block:1' twice"):
        contrast_vector(lm, MORE, LESS, "block:1,model.layers.1")
    with pytest.raises(StabilityError, match="'block:1' and 'final' are one site"):
        contrast_vector(lm, MORE, LESS, "final,block:1")


@pytest.mark.parametrize(
    ("more", "less", "method", "words"),
    [
        ([], [], "mean", "a prompt at least; received none"),
        ("ab", ["a", "b"], "mean", "received 1 and 2"),
        (MORE, LESS[:1], "mean", "received 3 and 1"),
        (MORE, LESS, "ica", "received 'ica'"),
        (MORE, MORE, "mean", "must not be zero"),
    ],
)
def test_pairs_that_say_nothing_are_refused(lm, more, less, method, words):
    with pytest.raises(StabilityError, match=words):
        contrast_vector(lm, more, less, "block:0", method)
