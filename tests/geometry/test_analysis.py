"""One question answered whole: against closed forms, and against the parts it is made of."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import brentq
from scipy.special import expit, logit, rel_entr
from support.models import FAMILIES, PROMPT, save_model
from support.states import (
    binary_state,
    make_state,
    nearly_one_hot,
    nonlinear_state,
    random_direction,
    random_state,
    true_kl,
    uniform_state,
    with_logits,
)
from torch import Tensor

from stability.curvature import directions
from stability.curvature.direction_spec import DirectionSpec
from stability.curvature.directions import resolve
from stability.curvature.spectrum import spectrum
from stability.errors import StabilityError
from stability.exact import flips
from stability.geometry.analysis import Analysis, along, analyze, pairs_for
from stability.geometry.ray import ray
from stability.models import load
from stability.prediction.pause import Pause, no_pause
from stability.prediction.state import State

EPSILONS = (0.001, 0.01, 0.1, 1.0)
P, GAP = 0.3, 2.0
NONLINEAR = {
    "capped": random_state(gain=3.0, softcap=4.0),
    "below a layer": nonlinear_state(),
    "below a layer, capped": nonlinear_state(softcap=4.0),
}


class Source:
    """A language model that has one state, and remembers where it was asked for."""

    def __init__(self, state: State) -> None:
        self.state, self.asked = state, []

    def capture(self, prompt: str, position: int = -1, site: str = "prelogit") -> State:
        self.asked.append((prompt, position, site))
        return self.state

    def background(self, site: str, pause: Pause = no_pause) -> Tensor:
        raise NotImplementedError


def look(state: State, direction: str = "eig:0", k: int = 1) -> Analysis:
    return analyze(Source(state), PROMPT, direction=direction, k=k)


def flat_along_the_second_axis() -> State:
    return make_state(np.array([[1.0, 0], [-1, 0], [0.5, 0]]))


def certain(gap: float) -> State:
    """A prediction whose other probabilities are `exp(−gap)`: they may underflow."""
    logits = np.zeros(5)
    logits[2] = gap
    return with_logits(np.random.default_rng(0).standard_normal((5, 3)), logits)


# --- two tokens in one dimension ------------------------------------------------------------------


def binary_kl(t: float) -> float:
    """`KL(p₀‖p_t)` of two tokens, from its definition."""
    moved = expit(logit(P) + GAP * t)
    return float(rel_entr(P, moved) + rel_entr(1 - P, 1 - moved))


def test_two_tokens_have_the_closed_forms():
    report = look(binary_state(P, GAP)).report(EPSILONS)
    curvature = P * (1 - P) * GAP**2
    assert report["entropy"] == pytest.approx(-P * np.log(P) - (1 - P) * np.log(1 - P))
    assert report["argmax"] == {"id": 0, "text": "<0>", "probability": pytest.approx(1 - P)}
    assert report["spectrum"]["eigenvalues"] == pytest.approx([curvature])
    assert report["spectrum"]["residuals"] == pytest.approx([0], abs=1e-15)
    assert report["spectrum"]["trace"] == pytest.approx(curvature)
    assert report["direction"]["curvature"] == pytest.approx(curvature)
    # one step of √2·p(1−p)·gap in the probabilities for each unit of length
    assert report["token_constraint_bound"] == pytest.approx(1 / (2**0.5 * P * (1 - P) * GAP))
    flip = {"distance": pytest.approx(np.log((1 - P) / P) / GAP), "id": 1, "text": "<1>"}
    assert report["flips"] == {"minus": [], "plus": [flip]}
    assert report["nearest_flip"] == flip


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_two_tokens_have_the_closed_forms_of_every_radius(epsilon):
    report = look(binary_state(P, GAP)).report([epsilon])
    (row,), (ball,) = report["radii"], report["certified_ball"]
    curvature, reach = P * (1 - P) * GAP**2, (1 - P) * GAP
    assert row["epsilon"] == ball["epsilon"] == epsilon
    assert row["predicted"] == pytest.approx((2 * epsilon / curvature) ** 0.5)
    for side, sign in (("minus", -1), ("plus", 1)):
        boundary = brentq(lambda t, s=sign: binary_kl(s * t) - epsilon, 1e-6, 100, xtol=1e-14)
        assert row["actual"][side] == pytest.approx(boundary, rel=1e-9)
        inner, outer = row["certified"][side]
        assert inner < boundary < outer
    growth = brentq(lambda y: np.expm1(y) - y - epsilon * reach**2 / curvature, 1e-6, 100)
    # the eigenvalue is bounded from above by 1e-5 of itself
    assert ball["radius"] == pytest.approx(growth / reach, rel=2e-5)
    assert ball["radius"] < growth / reach


def test_the_trust_range_is_where_the_quadratic_is_a_tenth_off():
    analysis = look(binary_state(P, GAP))
    for sign, end in zip((-1, 1), analysis.trust_range, strict=True):
        t = np.linspace(0.01, 1, 200) * end
        off = np.array([analysis.ray.quadratic(s)[0] / binary_kl(s) - 1 for s in sign * t])
        assert (np.abs(off[:-1]) < 0.1).all()
        assert abs(off[-1]) == pytest.approx(0.1, rel=1e-6)


# --- the parts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["eig:3", "random:1", "tokens:4,7"])
def test_a_report_is_made_of_the_librarys_own_functions(direction):
    state = random_state(3, bias=True, scale=0.7, gain=2)
    report = look(state, direction, k=2).report(EPSILONS)
    pairs = spectrum(state, 4 if direction == "eig:3" else 2)
    named = directions.resolve(DirectionSpec.parse(direction), state, pairs, Source(state))
    line = ray(state, named.vector)
    assert report["direction"] == {
        "kind": named.kind,
        "label": named.label,
        "curvature": line.curvature,
    }
    assert report["spectrum"]["eigenvalues"] == pairs.eigenvalues.tolist()
    assert report["spectrum"]["residuals"] == pairs.residuals.tolist()
    actual = line.boundaries(np.array(EPSILONS)).T.tolist()
    for epsilon, row, ends in zip(EPSILONS, report["radii"], actual, strict=True):
        assert row["predicted"] == line.predicted_radius(epsilon)
        assert [row["actual"]["minus"], row["actual"]["plus"]] == ends
        minus, plus = line.certificate(epsilon)
        assert row["certified"] == {"minus": [*minus], "plus": [*plus]}
    for side, changes in zip(("minus", "plus"), line.flips(), strict=True):
        assert report["flips"][side] == [vars(flip) for flip in changes]


@pytest.mark.parametrize("state", NONLINEAR.values(), ids=NONLINEAR)
def test_where_logits_are_nonlinear_a_report_has_the_truth_and_no_certificate(state):
    report = look(state, "random:1", k=2).report((*EPSILONS, 100.0))
    line = ray(state, directions.random(state, 1).vector)
    assert report["site"] == state.site
    nearest = flips.nearest(state) if state.site == "prelogit" else None
    assert report["nearest_flip"] == (nearest and vars(nearest))
    assert report["certified_ball"] is None
    assert report["token_constraint_bound"] is None
    for row in report["radii"]:
        assert row["certified"] is None
        for sign, reached in zip((-1, 1), row["actual"].values(), strict=True):
            if reached is not None:
                kl = float(true_kl(state, sign * reached * line.direction))
                # boundaries are right to 1e-4 of themselves, and KL grows as their square
                assert kl == pytest.approx(row["epsilon"], rel=4e-4)
    assert report["radii"][0]["actual"]["plus"] is not None
    assert report["radii"][-1]["actual"] == {"minus": None, "plus": None}  # of 100 nats
    for side, changes in zip(("minus", "plus"), line.flips(), strict=True):
        assert report["flips"][side] == [vars(flip) for flip in changes]


def test_the_error_of_an_estimated_trace_is_reported():
    state = nonlinear_state(V=300, d=160, D=40)
    analysis = look(state, "eig:0", k=4)
    report = analysis.report([0.01])["spectrum"]
    assert report["trace_error"] == analysis.spectrum.trace_error > 0
    assert look(random_state()).report([0.01])["spectrum"]["trace_error"] == 0


def test_it_is_the_state_that_was_asked_for():
    source = Source(random_state())
    analysis = analyze(source, PROMPT, 2, "prelogit", "random:1", 3)
    assert source.asked == [(PROMPT, 2, "prelogit")]
    assert analysis.state is source.state
    assert len(analysis.spectrum.eigenvalues) == 3


def test_no_direction_changes_the_most_likely_token_sooner_than_the_nearest_flip():
    state = random_state(1, gain=2)
    nearest = look(state).sensitivity.nearest_flip
    towards = look(state, f"tokens:{state.argmax},{nearest.id}").ray.flips()[1][0]
    assert (towards.id, towards.distance) == (nearest.id, pytest.approx(nearest.distance))
    others = [ray(state, random_direction(state, seed)).flips(1) for seed in range(100)]
    assert min(side[0].distance for pair in others for side in pair if side) > nearest.distance


def test_the_certified_ball_grows_with_epsilon_and_holds_in_every_direction():
    state = random_state(1, gain=2)
    analysis = look(state)
    radii = [analysis.sensitivity.certified_ball(epsilon) for epsilon in EPSILONS]
    assert radii == sorted(set(radii))
    sphere = np.stack([random_direction(state, seed) for seed in range(200)])
    sphere = np.concatenate([sphere, [analysis.spectrum.vectors[:, 0].numpy()]])
    for epsilon, radius in zip(EPSILONS, radii, strict=True):
        reached = float(true_kl(state, radius * np.concatenate([sphere, -sphere])).max())
        assert 0.1 * epsilon < reached < epsilon


# --- what there is not ----------------------------------------------------------------------------


def test_a_flat_direction_has_no_radius():
    report = look(flat_along_the_second_axis(), "eig:1").report([0.01])
    assert report["direction"]["curvature"] == 0
    (row,) = report["radii"]
    assert row["predicted"] is row["certified"] is None
    assert row["actual"] == {"minus": None, "plus": None}
    assert report["flips"] == {"minus": [], "plus": []}
    assert report["certified_ball"][0]["radius"] > 0
    assert look(flat_along_the_second_axis(), "eig:1").trust_range == (None, None)


def test_a_prediction_that_cannot_change_a_little_has_no_bound():
    report = look(certain(800)).report([0.01])
    assert report["spectrum"]["trace"] == 0
    assert report["token_constraint_bound"] is None
    assert report["certified_ball"] is None
    assert report["nearest_flip"]["distance"] > 100  # far, but there


def test_tokens_of_one_row_never_take_over():
    state = with_logits(torch.ones(3, 2, dtype=torch.float64), np.array([0.0, 1, 0]))
    assert look(state, "random:0").report([0.01])["nearest_flip"] is None


@pytest.mark.parametrize(
    "state",
    [
        binary_state(),
        random_state(),
        random_state(dtype=torch.float32, bias=True),
        nearly_one_hot(),
        uniform_state(),
        flat_along_the_second_axis(),
        *(certain(gap) for gap in (30, 100, 300, 800)),
        *NONLINEAR.values(),
    ],
    ids=[
        *("binary", "random", "float32", "one-hot", "uniform", "flat", "30", "100", "300", "800"),
        *NONLINEAR,
    ],
)
@pytest.mark.parametrize("direction", ["eig:0", "random:0"])
def test_every_report_is_json_without_nan(state, direction):
    report = look(state, direction).report(EPSILONS)
    assert json.loads(json.dumps(report, allow_nan=False)) == report


# --- how many eigenpairs --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("direction", "k", "needed"),
    [("eig:0", 4, 4), ("eig:3", 4, 4), ("eig:4", 4, 5), ("eig:5", 1, 6), ("random:30", 4, 4)],
)
def test_a_later_eigendirection_needs_more_pairs(direction, k, needed):
    state = random_state(d=6)
    assert pairs_for(state, DirectionSpec.parse(direction), k) == needed
    assert len(look(state, direction, k).spectrum.eigenvalues) == needed


@pytest.mark.parametrize(
    ("direction", "k", "words"),
    [
        ("eig:0", 0, "at least 1; received 0: try"),
        ("random:0", -3, "at least 1; received -3: try"),
        ("eig:0", 7, "between 1 and the width 6; received 7: choose"),
        ("eig:5", 7, "between 1 and the width 6; received 7: choose"),
        ("eig:6", 4, "between 0 and 5 here; received 6: choose"),
    ],
)
def test_more_pairs_than_there_are_or_none_are_refused(direction, k, words):
    with pytest.raises(StabilityError, match=words):
        look(random_state(d=6), direction, k)


def numbers(data: object) -> list[float]:
    """Every number of plain data, in order."""
    if isinstance(data, dict | list):
        parts = data.values() if isinstance(data, dict) else data
        return [number for part in parts for number in numbers(part)]
    return [float(data)] if isinstance(data, int | float) else []


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA on this machine")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("direction", ["eig:0", "eig:20", "random:1", "tokens:5,7", "prompt:the"])
def test_a_gpu_gives_the_numbers_of_the_processor(tmp_path, dtype, direction):
    folder = str(save_model(tmp_path, FAMILIES["llama"]()))
    # the same vectors on both: half precision rounds each forward pass in its own way
    lm = load(folder, dtype, "cpu")
    here = lm.capture(PROMPT)
    readout = replace(lm.readout, W_U=lm.readout.W_U.cuda())
    there = replace(here, vector=here.vector.cuda(), readout=readout)
    reports = []
    for state in (here, there):
        resolved = resolve(DirectionSpec.parse(direction), state, pairs := spectrum(state, 21), lm)
        reports.append(along(state, pairs, resolved).report(EPSILONS))
    first, second = (numbers([report["radii"], report["nearest_flip"]]) for report in reports)
    assert second == pytest.approx(first, rel=1e-4)
