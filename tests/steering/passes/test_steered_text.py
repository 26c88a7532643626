"""What an intervention does to every position, against plain hooks on a copy in float64."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from support.models import WIDTH
from support.steering import (
    TEXT,
    counted_blocks,
    divergences,
    information,
    random_vector,
    steered_logits,
)

from stability.errors import StabilityError
from stability.steering.passes import steered_text as steered_text_module
from stability.steering.passes.intervention import resolve_positions
from stability.steering.passes.reading import steered_text
from stability.steering.passes.slope import forward_slope, reverse_slope, slope
from stability.vector_files.steering_vector import SteeringVector

V = random_vector(WIDTH, length=2.0)
COEFFICIENTS = np.array([-1.5, -0.3, 0.0, 0.4, 2.0])
# all states but those of these families are steered as the plain hooks do; a sample of each kind
KINDS = [
    "llama",
    "gpt2",
    "gemma2",
    "gemma3",
    "cohere",
    "granite",
    "opt_projected",
    "phi",
    "gpt_oss",
]


def vector(*sites: str, mode: str = "add", **options) -> SteeringVector:
    return SteeringVector("own", "array", dict.fromkeys(sites, V), mode, **options)


def predicted_kl(text, coefficients) -> np.ndarray:
    return text.divergences(coefficients)


def expected_kl(lm, blocks, mode="add", positions=None, reverse=False) -> np.ndarray:
    options = {"mode": mode, "positions": positions}
    with torch.no_grad():
        base = steered_logits(lm, TEXT, blocks, 0.0, **options)
        return np.stack(
            [
                divergences(base, steered_logits(lm, TEXT, blocks, c, **options), reverse).numpy()
                for c in COEFFICIENTS
            ],
            axis=1,
        )


@pytest.mark.parametrize("family", KINDS)
@pytest.mark.parametrize("mode", ["add", "project"])
def test_every_position_is_changed_as_plain_hooks_change_it(model_of, family, mode):
    lm = model_of(family)
    text = steered_text(lm, TEXT, vector("block:0", "block:1", mode=mode))
    expected = expected_kl(lm, {0: V, 1: V}, mode)
    # float32 leaves some 1e-6 of a logit of ten, and of a divergence the root of it times its own
    np.testing.assert_allclose(predicted_kl(text, COEFFICIENTS), expected, rtol=2e-3, atol=2e-6)


@pytest.mark.parametrize("positions", ["last", [2], [1, 3, -1], "0,2"])
@pytest.mark.parametrize("site", ["block:0", "final", "prelogit"])
def test_chosen_positions_alone_are_changed(lm, positions, site):
    text = steered_text(lm, TEXT, vector(site), positions)
    length = len(text.states)
    chosen = resolve_positions(positions, length)
    expected = expected_kl(lm, {lm.block(site): V}, positions=chosen)
    np.testing.assert_allclose(predicted_kl(text, COEFFICIENTS), expected, rtol=2e-3, atol=2e-6)
    assert text.start == chosen[0]
    assert (text.information[: text.start] == 0).all()


def test_the_other_divergence_is_that_of_the_changed_prediction(lm):
    text = steered_text(lm, TEXT, vector("block:1"))
    found = text.divergences(COEFFICIENTS, reverse=True)
    expected = expected_kl(lm, {1: V}, reverse=True)
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-6)


@pytest.mark.parametrize("family", [*KINDS, "modernbert-decoder"])
def test_the_information_is_the_second_derivative_of_the_divergence(model_of, family):
    lm = model_of(family)
    text = steered_text(lm, TEXT, vector("block:0"))
    expected = information(lm, TEXT, {0: V})
    # a variance of slopes of float32
    np.testing.assert_allclose(text.information, expected.numpy(), rtol=1e-4)


def test_at_the_readout_the_information_is_the_closed_form(lm):
    text = steered_text(lm, TEXT, vector("prelogit"))
    W = lm.readout.W_U.double().numpy()
    for state, found in zip(text.states, text.information, strict=True):
        p, a = state.probs.numpy(), W @ V
        assert found == pytest.approx(p @ a**2 - (p @ a) ** 2, rel=1e-5)


def test_both_ways_to_a_slope_agree(lm):
    steered = steered_text(lm, TEXT, vector("block:0", mode="project")).steered
    device = torch.device("cpu")
    forward, reverse = forward_slope(steered, device), reverse_slope(steered, device)
    # two orders of the same float32 sums
    for one, other in zip(forward, reverse, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_an_operation_without_a_forward_derivative_is_differentiated_twice_in_reverse(model_of):
    steered = steered_text(model_of("gpt_oss"), TEXT, vector("block:0")).steered
    with pytest.raises(StabilityError, match="forward AD"):
        forward_slope(steered, torch.device("cpu"))
    assert slope(steered, torch.device("cpu"))[1].isfinite().all()


def test_a_model_without_a_list_of_blocks_is_refused(model_of):
    with pytest.raises(StabilityError, match="called once each, in order"):
        steered_text(model_of("xlm"), TEXT, vector("block:0"))


@pytest.mark.parametrize("family", ["llama, dynamic", "mamba", "jamba", "bloom"])
def test_models_that_keep_no_keys_or_rotate_by_length_are_steered_too(model_of, family):
    lm = model_of(family)
    text = steered_text(lm, TEXT, vector("block:0"), [3])
    expected = expected_kl(lm, {0: V}, positions=[3])
    np.testing.assert_allclose(predicted_kl(text, COEFFICIENTS), expected, rtol=2e-3, atol=2e-6)


def test_threads_that_share_a_model_get_the_lone_answers(lm):
    vectors = [vector("block:0"), vector("block:1", mode="project"), vector("prelogit")]
    prompts = [TEXT, "a dog ran after the cat"]
    jobs = [(prompt, each) for prompt in prompts for each in vectors]

    def work(job):
        text = steered_text(lm, *job)
        return text.information, predicted_kl(text, COEFFICIENTS)

    alone = [work(job) for job in jobs]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(work, jobs * 3))
    for (a, b), (c, d) in zip(alone * 3, together, strict=True):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, d)


def test_a_model_that_its_parts_do_not_reproduce_is_run_whole(lm, monkeypatch):
    expected = steered_text(lm, TEXT, vector("block:1"), [2])
    assert (expected.steered.start, expected.steered.whole) == (2, False)
    monkeypatch.setattr(steered_text_module, "reproduces", lambda *_: False)
    whole = steered_text(lm, TEXT, vector("block:1"), [2])
    assert (whole.steered.start, whole.steered.whole) == (0, True)
    np.testing.assert_allclose(whole.information, expected.information, rtol=1e-4, atol=1e-12)
    np.testing.assert_allclose(
        whole.divergences(COEFFICIENTS), expected.divergences(COEFFICIENTS), rtol=2e-3, atol=2e-6
    )


@pytest.mark.parametrize("mode", ["add", "project"])
def test_the_pass_that_records_a_text_gives_the_slopes_of_those_above(lm, mode):
    text = steered_text(lm, TEXT, vector("block:0", "block:1", mode=mode))
    assert text.known is not None
    alone = replace(text, known=None)
    # the same float32 operations on a stream that is computed, or given
    np.testing.assert_allclose(text.information, alone.information, rtol=1e-5)
    np.testing.assert_array_equal(text.divergences(COEFFICIENTS), alone.divergences(COEFFICIENTS))
    recorded = steered_text(lm, TEXT, vector("block:0"), [0, 1]).states
    for state, other in zip(text.states, recorded, strict=True):
        torch.testing.assert_close(state.vector, other.vector, rtol=1e-5, atol=1e-6)


def test_a_prediction_of_a_text_runs_every_block_once(lm, monkeypatch):
    calls = counted_blocks(lm, monkeypatch)
    assert steered_text(lm, TEXT, vector("block:0")).information.all()
    assert calls == [0, 1]


def test_where_forward_mode_fails_the_pass_alone_is_recorded(model_of):
    text = steered_text(model_of("gpt_oss"), TEXT, vector("block:0"))
    assert text.known is None
    assert text.information.all()


def test_the_model_is_left_as_it_was(lm):
    ids = torch.tensor([[token.id for token in lm.tokenize(TEXT)]])
    with torch.no_grad():
        before = lm.model(input_ids=ids).logits
        steered_text(lm, TEXT, vector("block:0")).divergences(COEFFICIENTS)
        assert torch.equal(lm.model(input_ids=ids).logits, before)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in lm.model.modules())


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"block:9": V}, "A site must be"),
        ({"embeddings": V}, "A site must be"),
        ({"block:0": V[:-1]}, f"{WIDTH} at block:0 of .*received {WIDTH - 1}"),
        ({"prelogit": V[:-1]}, f"{WIDTH} at prelogit of .*received {WIDTH - 1}"),
        ({"prelogit": V, "block:0": V}, "after blocks or at the readout"),
    ],
)
def test_a_vector_that_does_not_fit_is_refused(lm, given, words):
    with pytest.raises(StabilityError, match=words):
        steered_text(lm, TEXT, SteeringVector("own", "array", given))


@pytest.mark.parametrize("site", ["block:0", "prelogit"])
@pytest.mark.parametrize(
    ("coefficients", "words"),
    [
        ([1e100], "at 1 of 1 coefficients it is not"),
        ([1.0, np.nan], "1 of 2 are NaN or beyond"),
        ([], "a coefficient at least"),
    ],
)
def test_coefficients_without_a_prediction_are_refused(lm, site, coefficients, words):
    with pytest.raises(StabilityError, match=words):
        steered_text(lm, TEXT, vector(site)).divergences(coefficients)


@pytest.mark.parametrize(
    ("positions", "words"),
    [
        ("first", "must be all, last, or indices"),
        ("1,x", "must be all, last, or indices"),
        ("99", "between"),
        ([], "a position at least"),
        (np.array([], dtype=int), "a position at least"),
        ([1.5], "must be whole numbers; received .1.5."),
        (np.array([3, 1, 3]), "received 3 twice"),
        ("0,-1,0", "received 0 twice"),
        ([[0, 1]], "must be whole numbers"),
        (["0"], "must be real numbers"),
        (None, "must be real numbers; received None"),
        (6, "between -6 and 5"),
    ],
)
def test_what_is_no_position_of_a_text_is_refused(positions, words):
    with pytest.raises(StabilityError, match=words):
        resolve_positions(positions, 6)


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        (0, (0,)),
        (np.int64(-1), (5,)),
        (np.array([3, 1]), (1, 3)),
        # an index and one from the end may name one token of some text
        ("5,-1", (5,)),
        (range(2), (0, 1)),
        ("-1,-2", (4, 5)),
        (torch.tensor([2]), (2,)),
    ],
)
def test_positions_are_taken_as_they_come(positions, expected):
    assert resolve_positions(positions, 6) == expected
