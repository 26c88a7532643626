"""The bench measures what it says: its arithmetic, its baselines, its command."""

import json
import math
import time
from dataclasses import replace

import hessian_eigenthings
import pytest
import torch
from support.models import FAMILIES, save_model
from support.states import make_state

from stability import cli
from stability.bench import SUITES, timing
from stability.bench.dose import bisected
from stability.bench.ray import bisected_boundary
from stability.bench.report import bench, lines
from stability.bench.scaling import synthetic
from stability.bench.spectrum import compare_spectra
from stability.bench.suites import READOUT_SUITES
from stability.bench.timing import Comparison, Method, median_seconds
from stability.errors import StabilityError
from stability.geometry.ray import ray
from stability.prediction.readout import Readout

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def states():
    """Two positions of one readout, whose spectrum falls off like a language model's."""
    first = synthetic(3000, 256)
    return [first, make_state(first.readout.W_U, first.vector.flip(0))]


def test_a_share_is_scaled_to_the_whole(monkeypatch):
    clock = iter(range(10**6))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(clock)))
    seconds = median_seconds(
        {"all": Method(lambda: None), "a quarter": Method(lambda: None, share=0.25)}
    )
    assert seconds == {"all": 1.0, "a quarter": 4.0}  # each call is one tick


def test_what_is_slow_is_called_less_often_and_still_has_a_median(monkeypatch):
    calls, ticks = [], iter([0.0, 100.0, *range(200, 10**4)])
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(ticks)))
    seconds = median_seconds({"slow": Method(lambda: calls.append("slow"))})
    assert len(calls) == 1
    assert seconds == {"slow": 100.0}
    assert timing.BUDGET < 100


def test_the_ratio_is_the_baselines_time_over_ours():
    assert Comparison("a", "b", 2.0, {"naive": 10.0}).ratio("naive") == 5.0


@pytest.mark.parametrize("name", READOUT_SUITES)
def test_every_suite_is_as_accurate_as_it_says(name, states, monkeypatch):
    monkeypatch.setattr(timing, "REPEATS", 1)
    for comparison in READOUT_SUITES[name](states):
        assert comparison.suite in (name, "calibration")
        assert comparison.seconds > 0
        assert comparison.baselines
        assert all(seconds > 0 for seconds in comparison.baselines.values())
        for what, value in comparison.accuracy.items():
            assert math.isfinite(value)
            # float32 logits of size ten, a divergence of 1e-4 nats: the brute grid's own rounding
            limit = {"relative error of a grid point": 1e-2, "reads of W_U": 20}.get(what, 1e-4)
            assert abs(value) < limit, what


def test_the_lanczos_baseline_works_on_the_device_of_the_state(states, monkeypatch):
    devices = []

    class Recording(hessian_eigenthings.LambdaOperator):
        def __init__(self, *arguments, device=None, **options):
            devices.append(device)
            super().__init__(*arguments, **options)

    monkeypatch.setattr(timing, "REPEATS", 1)
    monkeypatch.setattr(hessian_eigenthings, "LambdaOperator", Recording)
    compare_spectra(states)
    assert set(devices) == {states[0].vector.device}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA on this machine")
@pytest.mark.parametrize("name", READOUT_SUITES)
def test_every_suite_runs_on_the_gpu(name, states, monkeypatch):
    monkeypatch.setattr(timing, "REPEATS", 1)
    readout = Readout(states[0].readout.W_U.cuda())
    there = [replace(state, vector=state.vector.cuda(), readout=readout) for state in states]
    for comparison in READOUT_SUITES[name](there):
        assert all(math.isfinite(value) for value in comparison.accuracy.values())


def test_bisection_finds_the_boundary_that_it_is_a_baseline_for(states):
    v = torch.eye(256, dtype=torch.float64)[0]
    assert bisected_boundary(states[0], v, 0.1) == pytest.approx(
        ray(states[0], v).boundary(0.1)[1], rel=1e-3
    )


def test_the_report_is_plain_data_and_fits_a_person(states, monkeypatch):
    monkeypatch.setattr(timing, "REPEATS", 1)
    report = bench(states, ["ray"])
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert report["tokens"] == 2
    assert report["versions"]["torch"] == torch.__version__
    text = "\n".join(lines(report))
    for row in report["rows"]:
        assert row["what"] in text
        assert all(name in text for name in row["baselines"])


def test_the_command_prints_one_json_object(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(timing, "REPEATS", 1)
    config = FAMILIES["llama"]()
    config.max_position_embeddings = 512  # the bench's prompt is longer than the tiny context
    save_model(tmp_path, config)
    cli.main(["bench", "--suite", "map", "--model", str(tmp_path), "--dtype", "bfloat16", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["model"]["dtype"] == "bfloat16"
    assert [row["suite"] for row in report["rows"]] == ["map"]
    assert report["scaling"] == []


def test_every_suite_of_the_command_exists():
    assert set(SUITES) == {*READOUT_SUITES, "depth", "dose", "scaling"}


def test_the_deeper_sites_are_measured_against_a_run_of_the_whole_prompt(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(timing, "REPEATS", 1)
    config = FAMILIES["llama"]()
    config.max_position_embeddings = 512
    save_model(tmp_path, config)
    cli.main(["bench", "--suite", "depth", "--model", str(tmp_path), "--json"])
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert len(rows) == 5
    for row in rows:
        [error] = row["accuracy"].values()
        # float32 of two blocks, with and without the cache, and the tail that the map leaves out
        assert error < (0.1 if "map" in row["what"] else 1e-3), row["what"]


@pytest.mark.parametrize("dose", [0.06, 0.7, 15.0])
def test_a_bisection_ends_where_the_budget_is_reached(dose):
    assert bisected(lambda c: (c / dose) ** 2, 1e-3) == pytest.approx(dose, rel=1e-3)


@pytest.mark.parametrize("value", [0.0, 9.0])
def test_a_bisection_without_a_bracket_gives_no_number(value):
    with pytest.raises(StabilityError, match="must be reached between the coefficients"):
        bisected(lambda c: value, 1e-3)
