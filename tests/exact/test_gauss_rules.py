"""Gauss rules of intervals keep the moments of any row, also of those without a spread."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax
from support.states import properties

from stability.exact.gauss_rules import BINS, interval_rules
from stability.exact.slope_distribution import SlopeDistribution
from stability.exact.token_measure import TokenMeasure

n = 40
LEAST = 5e-324  # what float64 rounds to near zero
# how far apart the values of a row lie, beside where they lie
spreads = st.sampled_from([0.0, 1e-310, 1e-306, 1e-200, 1e-17, 1e-3, 1.0, 1e6])
places = st.sampled_from([0.0, 1e-17, -3.7, 1e4])


def moment(values: np.ndarray, masses: np.ndarray, order: int) -> Fraction:
    """A moment in exact arithmetic."""
    return sum(
        (Fraction(m) * Fraction(v) ** order for v, m in zip(values, masses, strict=True)),
        Fraction(),
    )


@properties(80)
@given(st.lists(st.tuples(spreads, places), min_size=1, max_size=3), st.integers(0, 10**6))
def test_every_row_of_a_batch_keeps_its_first_four_moments_and_its_ends(rows, seed):
    draw = np.random.default_rng(seed)
    weights = softmax(3 * draw.standard_normal(n))
    values = np.stack([place + spread * draw.standard_normal(n) for spread, place in rows])
    nodes, masses, defects, edges = interval_rules(
        torch.from_numpy(values), torch.from_numpy(weights)[None]
    )
    assert (defects >= 0).all()
    for row, node, mass, edge in zip(values, nodes, masses, edges, strict=True):
        kept = mass > 0
        largest = Fraction(float(np.abs(row).max()))
        for order in range(4):
            found = moment(node[kept], mass[kept], order)
            # sums of 40 terms, each with a few roundings, and what underflows
            lost = n * Fraction(LEAST) * largest ** max(order - 2, 0)
            allowed = Fraction(1e-13) * largest**order + lost
            assert abs(found - moment(row, weights, order)) <= allowed
        # to a rounding of the ends
        assert edge[0] == row.min()
        assert edge[-1] == pytest.approx(row.max(), rel=1e-15, abs=BINS * LEAST)
        assert (np.diff(edge) >= 0).all()
        assert len(edge) == BINS + 1


@pytest.mark.parametrize("value", [0.0, 1e-17, -2.5])
def test_a_row_of_equal_values_has_no_span(value):
    measure = TokenMeasure(
        torch.full((2, n), value, dtype=torch.float64),
        torch.full((n,), 1 / n, dtype=torch.float64),
        torch.full((n,), -np.log(n), dtype=torch.float64),
    )
    assert SlopeDistribution(measure).spans.tolist() == [0.0, 0.0]
