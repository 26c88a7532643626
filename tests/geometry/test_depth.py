"""Every block at once: against the dense matrix, the rays and the network of each block alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.models import FAMILIES, PROMPT, loaded_once
from support.states import make_state, nonlinear_state, random_state

import stability.geometry.depth
from stability.curvature import fisher
from stability.errors import StabilityError
from stability.geometry.depth import TOLERANCE, depth, depth_map
from stability.geometry.depth_check import SPAN, DepthCheck, depth_check
from stability.geometry.ray import ray
from stability.prediction.bare import bare_state
from stability.prediction.readout import Readout
from stability.prediction.state import State

LAYERS, EPSILON = 4, 0.01
# The network's float32 rounds each of some twenty steps by 6e-8; the derivative of a random network,
# whose layers do not forget, loses about a digit more.
FLOAT32 = 1e-4


@pytest.fixture(scope="module")
def family(tmp_path_factory):
    """Tiny models of four blocks, saved and loaded once; Gemma's see eight tokens back, or all."""

    def config_of(name):
        config = FAMILIES[name]()
        config.num_hidden_layers = LAYERS
        if name.startswith("gemma"):
            config.layer_types = ["sliding_attention", "full_attention"] * (LAYERS // 2)
        return config

    return loaded_once(tmp_path_factory, config_of)


@pytest.fixture(scope="module", params=["llama", "gpt2", "gemma3"])
def lm(family, request):
    return family(request.param)


@pytest.fixture(scope="module", params=[-1, 2], ids=["last", "middle"])
def blocks(lm, request):
    """The states of one position, each captured alone."""
    sites = [f"block:{block}" for block in range(LAYERS)]
    return [lm.capture(PROMPT, request.param, site) for site in sites]


@pytest.fixture(scope="module")
def whole_depth(blocks):
    return depth(blocks[0])


# --- the top of every block -----------------------------------------------------------------------


def top_eigenvalues(states):
    return torch.stack([torch.linalg.eigvalsh(fisher.dense(state))[-1] for state in states])


def test_every_block_has_the_top_eigenvalue_of_its_own_matrix(blocks, whole_depth):
    assert whole_depth.eigenvalues.shape == (LAYERS,)
    expected = top_eigenvalues(blocks)
    # the factor of a narrow readout is all of H
    torch.testing.assert_close(whole_depth.eigenvalues, expected, rtol=FLOAT32, atol=0)
    assert float(expected.max() / expected.min()) > 1.01  # or a shuffled depth would pass


@pytest.mark.parametrize("pairs", [1, 2, 4])
def test_however_few_pairs_it_starts_from_an_eigenvalue_is_close_and_never_above(
    blocks, monkeypatch, pairs
):
    monkeypatch.setattr(stability.geometry.depth, "PAIRS", pairs)
    eigenvalues, expected = depth(blocks[0]).eigenvalues, top_eigenvalues(blocks)
    assert (eigenvalues <= expected * (1 + FLOAT32)).all()
    assert (eigenvalues >= expected * (1 - TOLERANCE)).all()


def wide_states(seed: int, gain: float, softcap: float | None) -> list[State]:
    """A state below each of three smooth layers and a norm, wider than what is pulled back."""
    draw = torch.Generator().manual_seed(seed)
    V, d = 300, 96
    W_U = torch.randn(V, d, generator=draw, dtype=torch.float64)
    x = torch.randn(d, generator=draw, dtype=torch.float64)
    A, B = torch.randn(2, 3, d, d, generator=draw, dtype=torch.float64) / d**0.5
    layers = [lambda x, a=a, b=b: x + (x @ a.T).tanh() @ b.T for a, b in zip(A, B, strict=True)]
    layers.append(lambda x: gain * x / x.norm(dim=-1, keepdim=True))
    states = []
    for i, layer in enumerate(layers):
        state = bare_state(W_U, x, layers[i:])
        states.append(replace(state, readout=Readout(W_U, softcap=softcap)))
        x = layer(x)
    return states


@pytest.mark.parametrize("softcap", [None, 30.0, 2.0])
@pytest.mark.parametrize("gain", [0.1, 2.0, 20.0], ids=["flat", "open", "sharp"])
@pytest.mark.parametrize("seed", range(3))
def test_every_block_has_its_top_eigenvalue_capped_or_not(seed, gain, softcap):
    """Flat predictions have as many steep directions as the readout is wide: no pair stands out."""
    states = wide_states(seed, gain, softcap)
    found, expected = depth(states[0]).eigenvalues, top_eigenvalues(states)
    assert (found <= expected * (1 + 1e-9)).all()
    assert (found >= expected * (1 - TOLERANCE)).all()


def test_a_capped_network_has_the_tops_of_its_own_sites(family):
    states = family("gemma2").capture_depth(PROMPT)
    found = depth(states[0]).eigenvalues
    torch.testing.assert_close(found, top_eigenvalues(states), rtol=TOLERANCE, atol=0)


def test_a_curvature_is_that_along_the_direction_it_comes_with(blocks, monkeypatch):
    # directions that are no eigenvectors
    monkeypatch.setattr(stability.geometry.depth, "PAIRS", 2)
    monkeypatch.setattr(stability.geometry.depth, "MOST_PASSES", 1)
    monkeypatch.setattr(stability.geometry.depth, "TOLERANCE", 1e9)  # whatever that one finds
    few_pairs = depth(blocks[0])
    lengths = few_pairs.directions.norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones_like(lengths), rtol=1e-12, atol=0)
    along = [v @ fisher.dense(s) @ v for s, v in zip(blocks, few_pairs.directions, strict=True)]
    torch.testing.assert_close(few_pairs.eigenvalues, torch.stack(along), rtol=FLOAT32, atol=0)


def test_a_direction_that_is_not_found_is_not_drawn(blocks, monkeypatch):
    monkeypatch.setattr(stability.geometry.depth, "TOLERANCE", 1e-15)
    monkeypatch.setattr(stability.geometry.depth, "MOST_PASSES", 1)
    with pytest.raises(StabilityError, match=r"not after 1 passes for .* one by one"):
        depth(blocks[0])


def test_norms_are_those_of_the_residual_stream(blocks, whole_depth):
    expected = [state.norm for state in blocks]
    assert whole_depth.norms.tolist() == pytest.approx(expected, rel=1e-5)  # float32, run again


def test_a_radius_is_where_the_quadratic_of_its_block_reaches_epsilon(whole_depth):
    for value, radius in zip(
        whole_depth.eigenvalues.tolist(), whole_depth.radii(EPSILON), strict=True
    ):
        assert 0.5 * value * radius**2 == pytest.approx(EPSILON, rel=1e-12)


def test_alignment_is_the_cosine_of_what_directions_do_under_the_fisher_metric(blocks, whole_depth):
    pushed = torch.cat(
        [s.jvp(v[:, None]) for s, v in zip(blocks, whole_depth.directions, strict=True)], dim=1
    )
    gram = pushed.T @ fisher.dense(blocks[0].at_readout()) @ pushed
    cosines = gram / gram.diagonal().sqrt() / gram.diagonal().sqrt()[:, None]
    torch.testing.assert_close(whole_depth.alignment, cosines.abs(), rtol=0, atol=FLOAT32)
    torch.testing.assert_close(whole_depth.alignment, whole_depth.alignment.T, rtol=0, atol=1e-12)
    ones = torch.ones(LAYERS, dtype=torch.float64)
    torch.testing.assert_close(whole_depth.alignment.diagonal(), ones, rtol=0, atol=1e-12)
    assert (whole_depth.alignment <= 1).all()
    assert float(whole_depth.alignment.min()) < 0.99  # or ones everywhere would pass


def test_a_depth_may_begin_above_the_first_block(blocks, whole_depth):
    above = depth(blocks[2])
    close = {"rtol": FLOAT32, "atol": FLOAT32}
    torch.testing.assert_close(above.eigenvalues, whole_depth.eigenvalues[2:], **close)
    torch.testing.assert_close(above.alignment, whole_depth.alignment[2:, 2:], **close)
    torch.testing.assert_close(above.norms, whole_depth.norms[2:], rtol=1e-5, atol=0)


def test_all_states_of_a_position_come_from_one_pass(lm, blocks):
    together = lm.capture_depth(PROMPT, blocks[0].position)
    assert [state.site for state in together] == [state.site for state in blocks]
    for from_one_pass, alone in zip(together, blocks, strict=True):
        assert from_one_pass.position == alone.position
        assert torch.equal(from_one_pass.vector, alone.vector)


def test_a_layer_in_closed_form_has_its_matrix():
    """Below `A x + B tanh(C x)` the network has one block, whose depth is its spectrum."""
    state = nonlinear_state()
    layer = depth(state)
    values, vectors = torch.linalg.eigh(fisher.dense(state))
    assert layer.eigenvalues.tolist() == pytest.approx([float(values[-1])], rel=1e-10)
    assert float((layer.directions[0] @ vectors[:, -1]).abs()) == pytest.approx(1, abs=1e-10)
    assert layer.norms.tolist() == [state.norm]
    assert layer.alignment.tolist() == [[1.0]]


def certain_state():
    """A prediction whose other probabilities underflow, below a layer."""
    rows = torch.randn(30, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return make_state(rows, rows[3], above=lambda x: 1e5 * x)


def test_a_certain_prediction_has_no_radius_and_no_number_that_is_none():
    certain = depth(certain_state())
    assert certain.eigenvalues.tolist() == [0.0]
    assert certain.radii(EPSILON) == [None]
    for part in (certain.directions, certain.norms, certain.alignment):
        assert part.isfinite().all()


def test_below_the_readout_nothing_is_known():
    with pytest.raises(StabilityError, match=r"at 'prelogit': capture it at 'block:0'\.$"):
        depth(random_state())


# --- a whole prompt -------------------------------------------------------------------------------


def test_a_map_is_the_depth_of_every_position(family):
    states = family("llama").capture_all(PROMPT, "block:0")
    fractions = []
    depths = depth_map(states, fractions.append)
    assert [each.state for each in depths] == list(states)
    assert fractions == [i / len(states) for i in range(len(states))]
    for each, state in zip(depths, states, strict=True):
        torch.testing.assert_close(each.eigenvalues, depth(state).eigenvalues, rtol=1e-5, atol=0)


class StoppedError(Exception):
    """What a page raises in work that is not wanted any more."""


def stopping(after):
    """Progress that is reported some times, and then raises."""
    fractions = []

    def progress(fraction):
        fractions.append(fraction)
        if len(fractions) > after:
            raise StoppedError

    return fractions, progress


def test_a_map_may_be_stopped_by_its_progress(family, monkeypatch):
    states = family("llama").capture_all(PROMPT, "block:0")
    done = []
    monkeypatch.setattr(stability.geometry.depth, "depth", done.append)
    fractions, progress = stopping(2)
    with pytest.raises(StoppedError):
        depth_map(states, progress)
    assert done == list(states[:2])
    assert len(fractions) == 3


# --- the closed form against the truth ------------------------------------------------------------


@pytest.fixture(scope="module", params=[0.01, 0.3])
def measured(blocks, whole_depth, request) -> DepthCheck:
    return depth_check(whole_depth, blocks, request.param)


def test_predicted_and_true_radii_are_those_of_the_ray_of_each_block(blocks, whole_depth, measured):
    assert (measured.predicted.shape, measured.actual.shape) == ((LAYERS,), (LAYERS, 2))
    for block, state in enumerate(blocks):
        line = ray(state, whole_depth.directions[block])
        predicted = line.predicted_radius(measured.epsilon)
        assert measured.predicted[block] == pytest.approx(predicted, rel=FLOAT32)
        minus, plus = (np.inf if t is None else t for t in line.boundary(measured.epsilon))
        # both sharpen to 0.3 % of a step, and interpolate what is left to the square of that; the
        # divergence itself has the digits that float32 leaves it
        assert measured.actual[block].tolist() == pytest.approx([minus, plus], rel=1e-3)


def test_the_divergence_at_a_true_radius_is_epsilon(blocks, whole_depth, measured):
    assert np.isfinite(measured.actual).any()
    for state, direction, ends in zip(blocks, whole_depth.directions, measured.actual, strict=True):
        line = ray(state, direction)
        for end, sign in zip(ends, (-1, 1), strict=True):
            if np.isfinite(end):
                assert line.kl(sign * end) == pytest.approx(measured.epsilon, rel=1e-3)


def test_curves_are_the_divergence_over_each_blocks_own_radius(blocks, whole_depth, measured):
    assert measured.kl.shape == (LAYERS, len(measured.scale))
    assert (measured.scale[0], measured.scale[-1]) == (-SPAN, SPAN)
    np.testing.assert_allclose(measured.scale, -measured.scale[::-1], rtol=0, atol=1e-14)
    for block, state in enumerate(blocks):
        expected = ray(state, whole_depth.directions[block]).kl(
            measured.scale * measured.predicted[block]
        )
        # logits of size 10 in float32: a difference of 1e-5 in a shift, whose square is lost
        np.testing.assert_allclose(measured.kl[block], expected, rtol=1e-3, atol=1e-7)


def test_small_curves_are_the_parabola_that_all_blocks_share(blocks, whole_depth):
    measured = depth_check(whole_depth, blocks, 1e-4)
    parabola = 1e-4 * measured.scale**2
    some = np.abs(measured.scale) <= 1
    # the next term of the series is of the order of t/r·√ε = 1 %, with a factor of a few
    np.testing.assert_allclose(
        measured.kl[:, some], np.tile(parabola[some], (LAYERS, 1)), rtol=0.2, atol=1e-7
    )


def test_a_block_without_curvature_has_infinite_radii():
    state = certain_state()
    measured = depth_check(depth(state), [state], EPSILON)
    assert measured.predicted.tolist() == [np.inf]
    assert measured.actual.tolist() == [[np.inf, np.inf]]
    assert not measured.kl.any()


def test_progress_over_the_blocks_is_reported_in_order_and_may_stop(blocks, whole_depth):
    fractions = []
    depth_check(whole_depth, blocks, EPSILON, fractions.append)
    assert fractions == [block / LAYERS for block in range(LAYERS)]
    fractions, progress = stopping(1)
    with pytest.raises(StoppedError):
        depth_check(whole_depth, blocks, EPSILON, progress)
    assert fractions == [0.0, 1 / LAYERS]


def check_of(actual):
    """A check of blocks whose predicted radius is 1, on either side of `actual`."""
    n = len(actual)
    return DepthCheck(EPSILON, np.ones(n), np.array(actual), np.zeros(1), np.zeros((n, 1)))


def test_the_errors_of_a_check_are_summed_up_over_the_sides_that_are_reached():
    # errors are 0, 25 % and −1/21
    check = check_of([[1.0, 0.8], [1.05, np.inf]])
    assert check.count_within_a_tenth == 2
    assert check.median_error == pytest.approx(1 / 21, rel=1e-12)


def test_a_check_that_reaches_nothing_has_no_median_error():
    check = check_of([[np.inf, np.inf]])
    assert check.count_within_a_tenth == 0
    assert np.isnan(check.median_error)


@pytest.mark.parametrize("epsilon", [0.0, -1.0, float("nan")])
def test_radii_need_positive_nats(blocks, whole_depth, epsilon):
    with pytest.raises(StabilityError, match="positive number of nats"):
        depth_check(whole_depth, blocks, epsilon)
    with pytest.raises(StabilityError, match="positive number of nats"):
        whole_depth.radii(epsilon)


def test_a_check_needs_a_state_for_every_block_and_says_so_before_it_works(blocks, whole_depth):
    fractions = []
    for states in (blocks[:-1], [*blocks, blocks[0]]):
        sentence = f"each of the {LAYERS} blocks of the depth; received {len(states)}: capture"
        with pytest.raises(StabilityError, match=sentence):
            depth_check(whole_depth, states, EPSILON, fractions.append)
    assert fractions == []
