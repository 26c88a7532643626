"""A state without a language model: what it is made of, and what is refused."""

import numpy as np
import pytest
import torch

from stability.errors import StabilityError
from stability.prediction.bare import bare_state

W_U, VECTOR = np.eye(3), np.array([1.0, -0.5, 0.0])


def test_logits_are_those_of_the_blocks_one_after_the_other():
    blocks = (lambda x: x + torch.tanh(x), lambda x: 2 * x)
    state = bare_state(W_U, VECTOR, blocks)
    assert (state.site, state.model.n_layers) == ("block:0", 2)
    np.testing.assert_allclose(state.logits, 2 * (VECTOR + np.tanh(VECTOR)), rtol=1e-15)
    assert bare_state(W_U, VECTOR).site == "prelogit"


@pytest.mark.parametrize("blocks", [(), [lambda x: x]], ids=["alone", "below a block"])
def test_a_vector_of_another_width_than_the_rows_is_refused(blocks):
    sentence = r"width of its rows, 3; received one of shape \(2,\): give a vector of that width"
    with pytest.raises(StabilityError, match=sentence):
        bare_state(W_U, VECTOR[:2], blocks)


def test_blocks_may_lead_from_another_width():
    assert bare_state(W_U, VECTOR[:2], [lambda x: x @ torch.ones(2, 3).double()]).width == 2


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("blocks", [(), [lambda x: 2 * x]], ids=["alone", "below a block"])
def test_a_vector_that_is_not_finite_is_refused(bad, blocks):
    with pytest.raises(StabilityError, match=r"3 of 3 are NaN, infinite or beyond"):
        bare_state(W_U, np.array([1.0, bad, 0.0]), blocks)


def test_an_unembedding_that_is_not_finite_is_refused():
    rows = W_U.copy()
    rows[1, 1] = np.nan
    with pytest.raises(StabilityError, match=r"1 of 3 are NaN, infinite or beyond"):
        bare_state(rows, VECTOR)
