"""Scenes: plain JSON of one state and one direction."""

import json

import numpy as np
import pytest
import torch
from support.states import nearly_one_hot, nonlinear_state, random_state, uniform_state

import stability
from stability.curvature.direction import Direction, unit
from stability.geometry.analysis import along
from stability.instrument.line import line
from stability.instrument.parts import UNKNOWN, tokens
from stability.instrument.scene import pin, scene

STATES = {
    "random": random_state,
    "soft-capped": lambda: random_state(softcap=3.0),
    "below the readout": nonlinear_state,
    "certain": nearly_one_hot,
    "hopelessly certain": lambda: nearly_one_hot(gap=800.0),
    "even": uniform_state,
}


@pytest.fixture(params=STATES.values(), ids=STATES)
def analysis(request):
    state = request.param()
    pairs = stability.spectrum(state, k=3)
    return along(state, pairs, Direction("eig", "eigendirection 1", pairs.vectors[:, 0], 0))


def test_a_scene_is_json_without_an_infinity_or_a_nan(analysis):
    json.dumps(scene(analysis), allow_nan=False)


def test_a_scene_says_what_the_library_says(analysis):
    made, state = scene(analysis, second=1), analysis.state
    assert made["setting"]["norm"] == state.norm
    assert made["next"][0]["id"] == state.argmax
    assert made["numbers"]["entropy"] == state.entropy
    assert made["spectrum"]["eigenvalues"] == analysis.spectrum.eigenvalues.tolist()
    assert made["setting"]["second"] == {"rank": 1, "label": "eigendirection 2"}
    assert pin(made).keys() == {"setting", "line", "numbers", "next"}


def test_the_closed_form_comes_before_the_network_is_run():
    state = nonlinear_state()
    ray = stability.ray(state, np.ones(state.width))
    assert line(ray, with_truth=False)["kind"] == "closed form"
    assert "truth" not in ray.__dict__


def test_a_flat_direction_has_no_line():
    state = random_state()
    flat = stability.bare_state(np.eye(3), np.array([2.0, 0.0, 0.0]))
    assert line(stability.ray(flat, torch.ones(3))) is None
    assert line(stability.ray(state, unit(np.ones(6), 6))) is not None


def test_a_token_has_the_radius_and_the_norm_of_the_readout_or_why_there_is_no_radius():
    state, flat = random_state(), nearly_one_hot(gap=800.0)
    known = [stability.sensitivity(each, stability.spectrum(each, k=1)) for each in (state, flat)]
    prompt = [state.tokens[-1]] * 2
    chip, certain = tokens(prompt, known, [state.norm, flat.norm])
    assert (chip["radius"], chip["norm"]) == (known[0].radius(1.0), state.norm)
    assert (chip["no_radius"], certain["no_radius"]) == (None, "flat")
    assert [chip["no_radius"] for chip in tokens(prompt)] == ["pending"] * 2
    assert [chip["no_radius"] for chip in tokens(prompt, no_radii=UNKNOWN)] == ["unknown"] * 2
