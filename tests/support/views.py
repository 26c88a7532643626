"""States, and comparisons, for views of rays and of planes."""

from dataclasses import fields, is_dataclass

import numpy as np
from hypothesis import strategies as st
from support.states import (
    make_state,
    nearly_one_hot,
    random_state,
    uniform_state,
    with_logits,
)

from stability.units import Unit

seeds, gains, log_epsilons = st.integers(0, 10**6), st.floats(0.1, 8), st.floats(-4, 0.5)


def near_tie(gap=1e-9):
    """Tokens 0 and 1 share nearly all the probability, and nearly evenly."""
    rows = np.random.default_rng(3).standard_normal((30, 6))
    logits = np.full(30, -6.0)
    logits[:2] = gap, 0
    return with_logits(rows, logits)


STATES = {
    "open": random_state(0, bias=True, scale=0.7, gain=2),
    "uniform": uniform_state(6),
    "nearly certain": nearly_one_hot(0, gap=24.0),  # the others hold 1e-9 together
    "near tie": near_tie(),
    "tie": near_tie(gap=0),
    "binary": make_state(np.array([[1.0, 0], [-1, 0]])),
}


def token(text):
    """The id that a test state spelled so."""
    return int(text[1:-1])


def leaves(thing):
    """Everything in a view, flat and in order, but the unit itself."""
    if isinstance(thing, Unit):
        return []
    if is_dataclass(thing):
        return [leaf for field in fields(thing) for leaf in leaves(getattr(thing, field.name))]
    if isinstance(thing, list | tuple):
        return [leaf for item in thing for leaf in leaves(item)]
    return [thing]


def counted_alike(view, expected):
    """Assert that two views hold the same numbers and words, leaf by leaf."""
    for leaf, other in zip(leaves(view), leaves(expected), strict=True):
        if isinstance(other, str | None):
            assert leaf == other
        else:
            # roots are found to 1e-12, the corners of cells by differences of logits
            np.testing.assert_allclose(leaf, other, rtol=1e-9, atol=1e-9)


def in_coordinates_of(unit):
    """A state, and the same with its lengths counted in a unit: equal logits, rows longer by it."""
    state = random_state(3, bias=True)
    rows, vector = state.readout.W_U * unit.length, state.vector / unit.length
    return state, make_state(rows, vector, state.readout.bias)
