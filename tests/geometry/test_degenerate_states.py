"""Vocabularies of one or two tokens, equal rows, ties, zero vectors: right, or one sentence."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.states import Function, far_kl, make_state, properties, random_direction

import stability
from stability.errors import StabilityError
from stability.geometry.region import region
from stability.prediction.state import State

LEVELS = np.array([1e-6, 0.01, 0.69, 1.0, 30.0])
ROWS = torch.randn(7, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
X = torch.tensor([0.3, -1.0, 0.5], dtype=torch.float64)
EQUAL = torch.ones(5, 3, dtype=torch.float64)

STATES: dict[str, State] = {
    "one token": make_state(ROWS[:1], X),
    "two tokens": make_state(ROWS[:2], X),
    "one dimension": make_state(ROWS[:, :1], X[:1]),
    "one token in one dimension": make_state(ROWS[:1, :1], X[:1]),
    "duplicate rows": make_state(torch.cat([ROWS, ROWS]), X),
    "all rows equal": make_state(EQUAL, X),
    "all rows zero": make_state(0 * ROWS, X),
    "the zero vector": make_state(ROWS, 0 * X),
    "a large bias": make_state(ROWS, X, bias=1e4 * torch.arange(7, dtype=torch.float64)),
    "a tie at the top": make_state(torch.cat([ROWS, ROWS[:1], ROWS[:1]]) * 3, ROWS[0] * 5),
    "a tie of opposite rows": make_state(torch.stack([X, -X]), 0 * X),
    "a scale of zero": make_state(ROWS, X, scale=0.0),
    "rows of 1e-100": make_state(1e-100 * ROWS, X),
    "rows of 1e30": make_state(1e30 * ROWS, 0 * X),
}
FLAT = {"one token", "one token in one dimension", "all rows equal", "all rows zero"}
FLAT |= {"a scale of zero"}


def everything(state: State) -> dict[str, Callable[[], object]]:
    """What a user may ask of a state, along one direction and another."""
    v = random_direction(state)
    ray, asked = stability.ray(state, v), {}
    for name in ("find", "boundaries", "certificates", "moment_brackets"):
        asked[name] = lambda name=name: getattr(ray, name)(LEVELS)
    for name in ("certificate", "boundary", "predicted_radius"):
        asked[name] = lambda name=name: getattr(ray, name)(0.1)
    t = np.array([0.0, 1e-9, 1.0])
    asked |= {
        "kl": lambda: ray.kl(t),
        "probabilities": lambda: ray.probabilities(t),
        "flips": ray.flips,
        "trust": ray.trust_range,
        "pushed": lambda: ray.pushed(3),
        "cumulants": lambda: ray.cumulants,
        "entropy": lambda: state.entropy,
        "most likely": lambda: state.most_likely(9),
        "margin": lambda: state.margin,
    }
    spectrum = stability.spectrum(state, 1)
    sensitivity = stability.sensitivity(state, spectrum)
    asked |= {
        "rank": lambda: spectrum.effective_rank,
        "ball": lambda: sensitivity.certified_ball(0.1),
        "cloud": lambda: stability.cloud(
            state, stability.spectrum(state, min(2, state.width)), 0.1
        ),
    }
    if state.is_linear:
        asked["map"] = lambda: stability.token_map([state, state])
    if state.above is not None:
        asked["depth"] = lambda: stability.depth(state)
    if state.width > 1:
        plane = region(state, *np.eye(state.width)[:2])
        x = np.linspace(-1, 1, 3)
        asked |= {
            "edge": lambda: plane.boundary(0.1, np.linspace(0, 6, 5)),
            "ellipse": lambda: plane.ellipse(0.1),
            "cells": lambda: plane.cells((-1.0, 1.0, -1.0, 1.0)),
            "grid": lambda: plane.kl_grid(x, x),
            "argmax": lambda: plane.argmax(x, x),
        }
    return asked


@pytest.mark.parametrize("below", [False, True], ids=["readout", "below"])
@pytest.mark.parametrize("name", STATES)
def test_a_degenerate_state_answers_everything_with_numbers_or_one_sentence(name, below):
    state = STATES[name]
    if below:
        state = replace(state, site="block:0", above=Function(lambda x: 1.0 * x))
    refused = []
    for name_of_call, ask in everything(state).items():
        try:
            ask()
        except StabilityError as error:
            refused.append((name_of_call, str(error)))
    # a cloud needs two directions that are curved, and a logit may not rise by 1e30
    distant = (
        {"kl", "probabilities", "grid", "cells", "argmax"} if name == "rows of 1e30" else set()
    )
    assert {call for call, _ in refused} <= {"cloud", *distant}
    assert not any("\n" in sentence for _, sentence in refused)


@pytest.mark.parametrize("name", STATES)
def test_what_it_answers_is_the_truth(name):
    """Boundaries are where the divergence of the definition is ε, in logs; flat states have none."""
    state = STATES[name]
    for seed in range(3):
        v = random_direction(state, seed)
        ray = stability.ray(state, v)
        found = ray.boundaries(LEVELS)
        if name in FLAT:
            assert np.isinf(found).all()
            assert ray.predicted_radius(0.1) is None
            continue
        for sign, side in zip((-1, 1), found, strict=True):
            for epsilon, distance in zip(LEVELS, side, strict=True):
                if np.isfinite(distance) and epsilon > 1e-3 and distance < 1e200:
                    kl = float(far_kl(state, sign * distance * v))
                    # the oracle rounds logits of 1e4
                    assert kl == pytest.approx(epsilon, rel=2e-5, abs=1e-9)


def test_a_tie_at_the_top_flips_at_once_towards_the_one_that_gains():
    minus, plus = stability.ray(STATES["a tie of opposite rows"], X.numpy()).flips()
    assert plus == []
    assert [(flip.distance, flip.id) for flip in minus] == [(0.0, 1)]


@properties(60)
@given(
    st.integers(1, 6),
    st.integers(1, 4),
    st.integers(0, 10**6),
    st.sampled_from([0.0, 1e-3, 1.0, 30.0, 1e3, 1e6]),
    st.sampled_from([0.0, 1.0, 1e4]),
    st.booleans(),
)
def test_the_inequalities_hold_under_extreme_readouts(V, d, seed, gain, bias, repeated):
    draw = np.random.default_rng(seed)
    rows = gain * draw.standard_normal((V, d))
    rows = np.repeat(rows, 2, axis=0) if repeated else rows
    state = make_state(rows, draw.standard_normal(d), bias * draw.standard_normal(len(rows)))
    ray = stability.ray(state, draw.standard_normal(d))
    found = ray.boundaries(LEVELS)
    assert (np.diff(found[~np.isinf(found).any(axis=1)], axis=1) > 0).all()  # KL grows along a ray
    for brackets in (ray.certificates(LEVELS), ray.moment_brackets(LEVELS)):
        inner, outer = brackets[:, 0], brackets[:, 1]
        assert (inner <= found * (1 + 1e-5)).all()
        assert (outer >= found * (1 - 1e-5)).all()
    ball = stability.sensitivity(state, stability.spectrum(state, 1)).certified_ball(0.69)
    assert ball is None or ball <= found[:, 2].min() * (1 + 1e-5)
    for boundary, flips in zip(found[:, 2], ray.flips(), strict=True):
        # before half the probability has left the likeliest token, KL is below log 2 at most; a tie
        # is none of its own
        if flips and state.margin > 40:
            assert boundary <= flips[0].distance * (1 + 1e-9)
