"""Scores of doses: counts against counting, and what cancels between two sides."""

import numpy as np
import pyarrow as pa
import pytest

from stability.evaluation.dose_scores import (
    both_sides,
    dose_cases,
    dose_rows,
    halves,
    share_within,
)


@pytest.fixture(scope="module")
def table():
    """True doses that are off by a factor, which is turned over on the other side."""
    rows = [
        {
            "prompt_index": prompt,
            "site": "block:1",
            "vector": vector,
            "positions": "all",
            "statistic": "mean",
            "epsilon": epsilon,
            "side": side,
            "predicted": 2.0 * epsilon,
            "actual": 2.0 * epsilon * (1 + 0.1 * prompt) ** side,
            "reach": 4.0,
            "half_nats": 0.5 + prompt,
        }
        for prompt in range(4)
        for vector in ("contrast", "random:1")
        for epsilon in (0.01, 1.0)
        for side in (-1, 1)
    ]
    rows[0]["actual"] = None
    schema = pa.schema(
        [
            ("prompt_index", pa.int32()),
            *((name, pa.string()) for name in ("site", "vector", "positions", "statistic")),
            ("epsilon", pa.float32()),
            ("side", pa.int32()),
            *((name, pa.float32()) for name in ("predicted", "actual", "reach", "half_nats")),
        ]
    )
    return pa.Table.from_pylist(rows, schema=schema)


def test_cases_are_the_doses_that_are_reached(table):
    cases = dose_cases(table)
    assert len(cases) == len(table) - 1
    np.testing.assert_allclose(cases["ratio"], cases["predicted"] / cases["actual"])
    np.testing.assert_allclose(cases["part"], cases["predicted"] / 4)
    assert set(dose_rows(table)["epsilon"]) == {0.01, 1.0}


def test_what_is_odd_cancels_between_the_sides(table):
    averaged = both_sides(dose_cases(table))
    assert len(averaged) == len(table) // 2 - 1
    np.testing.assert_allclose(averaged["actual"], averaged["predicted"], rtol=1e-6)
    # numbers in single precision
    np.testing.assert_allclose(averaged["even"], 0, atol=1e-6)
    expected = np.log(1 + 0.1 * averaged["prompt_index"])
    np.testing.assert_allclose(averaged["odd"], expected, atol=1e-6)


def test_a_share_is_a_count(table):
    cases = dose_cases(table)
    expected = (np.abs(cases["ratio"] - 1) < 0.15).mean()
    assert share_within(cases, 0.15).value == pytest.approx(expected)
    assert 0 < expected < 1


def test_the_rule_of_thumb_is_counted_once_for_all_epsilons(table):
    found = halves(dose_rows(table))
    assert len(found) == len(table) // 2
