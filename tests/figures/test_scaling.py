"""The figure of costs shows milliseconds over size, a panel an axis."""

import pytest
from support.figures import check_whole, title

from stability.figures.scaling import scaling_figure


@pytest.fixture
def growths():
    return [
        {"axis": "vocabulary", "task": "a ray", "sizes": [1000, 20_000], "seconds": [0.1, 0.2]},
        {"axis": "vocabulary", "task": "a region", "sizes": [1000, 20_000], "seconds": [0.2, 0.4]},
        {"axis": "width", "task": "a ray", "sizes": [64, 128], "seconds": [0.01, 0.02]},
    ]


def test_costs_are_milliseconds_over_size_in_a_panel_for_each_axis(growths):
    drawn = scaling_figure(growths)
    lines = [(t.name, t.xaxis or "x", [*t.x], [*t.y]) for t in drawn.data]
    assert lines == [
        ("a ray", "x", [1000, 20_000], [100.0, 200.0]),
        ("a region", "x", [1000, 20_000], [200.0, 400.0]),
        ("a ray", "x2", [64, 128], [10.0, 20.0]),
    ]
    assert (title(drawn.layout.xaxis), title(drawn.layout.xaxis2)) == ("vocabulary", "width")
    assert title(drawn.layout.yaxis) == "median time (ms)"
    assert {drawn.layout[axis].type for axis in ("xaxis", "xaxis2", "yaxis")} == {"log"}
    check_whole(drawn)


def test_a_task_looks_the_same_in_every_panel_and_is_named_once(growths):
    ray_lines = [t for t in scaling_figure(growths).data if t.name == "a ray"]
    assert len({(t.line.color, t.marker.symbol, t.legendgroup) for t in ray_lines}) == 1
    assert [t.showlegend for t in ray_lines] == [True, False]


def test_large_sizes_are_spelled_in_thousands(growths):
    assert scaling_figure(growths).layout.xaxis.ticktext == ("1000", "20k")
