"""Figures of doses show what was measured."""

import numpy as np
import pandas as pd
import pytest

from stability.figures.doses import STATISTIC_TITLES, half_figure, ratios_figure


@pytest.fixture(scope="module")
def cases():
    draw = np.random.default_rng(0)
    return pd.DataFrame(
        [
            {"site": site, "statistic": name, "epsilon": epsilon, "vector": vector,
             "ratio": draw.lognormal(), "half_nats": draw.lognormal()}
            for site in ("block:1", "block:5", "block:9")
            for name in STATISTIC_TITLES
            for epsilon in (0.01, 0.1, 1.0)
            for vector in ("contrast", "random:1")
        ]
    )  # fmt: skip


def test_every_ratio_is_drawn_once_in_the_panel_of_its_statistic(cases):
    drawn = ratios_figure(cases)
    for panel, name in enumerate(STATISTIC_TITLES):
        axis = "x" if panel == 0 else f"x{panel + 1}"
        boxes = [trace for trace in drawn.data if trace.xaxis == axis]
        expected = cases[cases["statistic"] == name]
        assert sorted(np.concatenate([box.y for box in boxes])) == sorted(expected["ratio"])
        assert [box.name for box in boxes] == ["block:1", "block:5", "block:9"]
    assert sum(trace.showlegend for trace in drawn.data) == 3
    assert "ε (nats)" in drawn.layout.xaxis.title.text


def test_what_half_the_length_costs_is_drawn_by_site_and_vector(cases):
    drawn = half_figure(cases)
    for box, (_, part) in zip(drawn.data, cases.groupby("vector", sort=False), strict=True):
        assert [*box.y] == [*part["half_nats"]]
        assert [*box.x] == [*part["site"]]
    assert drawn.layout.yaxis.type == "log"
    assert "(nats)" in drawn.layout.yaxis.title.text
