"""The map of layers against plain hooks at every block, and against the doses of each alone."""

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
from support.vector_files import control_vector, npy

import stability
from stability.errors import StabilityError
from stability.steering.doses.dose import dose
from stability.steering.doses.layers import dose_map
from stability.vector_files.steering_vector import SteeringVector
from stability.vector_files.vector_file import Entry, VectorFile

V = random_vector(WIDTH, seed=2, length=3.0)
PROMPTS = [TEXT, "a dog ran after the cat"]


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma3", "gpt_oss"])
def test_every_layer_has_the_information_of_plain_hooks(model_of, family):
    lm = model_of(family)
    found = dose_map(lm, V, TEXT)
    assert found.sites == ("block:0", "block:1")
    for block, [received] in enumerate(found.information):
        expected = information(lm, TEXT, {block: V})
        # a variance of slopes of float32
        np.testing.assert_allclose(received, expected.numpy(), rtol=1e-4)


def test_a_small_coefficient_costs_what_the_map_says(lm):
    """`KL(c) + KL(−c) = I c² + O(c⁴)`, by plain hooks in float64."""
    found, c = dose_map(lm, V, TEXT), 1e-3
    for block, [received] in enumerate(found.information):
        with torch.no_grad():
            base = steered_logits(lm, TEXT, {block: V}, 0.0)
            both = [divergences(base, steered_logits(lm, TEXT, {block: V}, s)) for s in (c, -c)]
        np.testing.assert_allclose(received, sum(both).numpy() / c**2, rtol=1e-3)


@pytest.mark.parametrize(
    "options", [{"positions": "last"}, {"positions": [2]}, {"mode": "project"}]
)
def test_each_layer_is_the_dose_of_that_layer_alone(lm, options):
    found = dose_map(lm, V, PROMPTS, **options)
    for layer, site in enumerate(found.sites):
        alone = dose(lm, V, PROMPTS, site=site, **options)
        for received, expected in zip(found.information[layer], alone.information, strict=True):
            # two orders of the same float32 sums
            np.testing.assert_allclose(received, expected, rtol=1e-4, atol=1e-12)
        assert found.reach[layer] == pytest.approx(max(text.reach for text in alone.texts))
        # nothing changes before the first position that is changed
        first = {"last": -1}.get(str(options.get("positions")), 2 if "positions" in options else 1)
        read = [each[first:] for each in found.information[layer]]
        for name, expected in (
            ("mean", np.mean([each.mean() for each in read])),
            ("last", np.mean([each[-1] for each in read])),
            ("p95", np.mean([np.quantile(each, 0.95) for each in read])),
        ):
            received = found.predicted(0.1, name)[layer]
            with np.errstate(divide="ignore"):
                assert received == pytest.approx(np.sqrt(0.2 / expected), rel=1e-9)
    assert [[token.text for token in tokens] for tokens in found.tokens] == [
        [token.text for token in lm.tokenize(prompt)] for prompt in PROMPTS
    ]


def test_the_blocks_below_a_layer_run_once_a_text(lm, monkeypatch):
    calls = counted_blocks(lm, monkeypatch)
    found = dose_map(lm, V, PROMPTS)
    assert {len(texts) for texts in found.information} == {len(PROMPTS)}
    # the recorded pass runs both; the product of block 0 runs the one above it; that of block 1 none
    assert [calls.count(0), calls.count(1)] == [len(PROMPTS), 2 * len(PROMPTS)]


def test_the_fraction_grows_to_one_and_what_is_raised_ends_the_work(lm):
    fractions = []
    dose_map(lm, V, PROMPTS, on_progress=fractions.append)
    assert fractions == [0.25, 0.5, 0.75, 1.0]

    def stop(fraction):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dose_map(lm, V, PROMPTS, on_progress=stop)


def test_vectors_of_several_sites_are_each_applied_at_their_own(lm, tmp_path):
    v = V.astype(np.float32)
    path = tmp_path / "two.gguf"
    control_vector(path, {0: v, 1: 2 * v})
    by_site = dose_map(lm, path, TEXT)
    everywhere = dose_map(lm, v, TEXT)
    np.testing.assert_allclose(by_site.predicted(1.0)[0], everywhere.predicted(1.0)[0], rtol=1e-5)
    np.testing.assert_allclose(
        by_site.predicted(1.0)[1], everywhere.predicted(1.0)[1] / 2, rtol=1e-5
    )
    one = dose_map(lm, f"{path}#1", TEXT)
    np.testing.assert_allclose(one.predicted(1.0), everywhere.predicted(1.0) / 2, rtol=1e-5)


def test_a_file_that_says_no_site_is_applied_at_every_block(lm, tmp_path):
    (tmp_path / "plain.npy").write_bytes(npy(V.astype(np.float32)))
    found = stability.dose_map(lm, tmp_path / "plain.npy", TEXT)
    np.testing.assert_allclose(
        found.predicted(0.1), dose_map(lm, V, TEXT).predicted(0.1), rtol=1e-5
    )


@pytest.mark.parametrize(
    ("sites", "words"),
    [
        (("block:0", None), "says of 'b' not where it is applied"),
        (("block:1", "block:1"), "One vector is needed for block:1"),
        ((None, None), "One vector is needed for block:0"),
    ],
)
def test_one_vector_of_several_is_never_taken_for_all(lm, sites, words):
    entries = [Entry(name, V, site) for name, site in zip("ab", sites, strict=True)]
    with pytest.raises(StabilityError, match=words):
        dose_map(lm, VectorFile("two", "made", tuple(entries)), TEXT)


def test_where_nothing_changes_the_dose_is_infinite(lm):
    found = dose_map(lm, V, "a")
    assert np.isinf(found.predicted(0.1, "mean")).all()
    assert np.isfinite(found.predicted(0.1, "last")).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda lm: dose_map(lm, V, []), "a prompt at least"),
        (lambda lm: dose_map(lm, V[1:], TEXT), f"{WIDTH} at block:0 of .*received {WIDTH - 1}"),
        (lambda lm: dose_map(lm, V, TEXT).predicted(0.0), "positive number of nats"),
        (lambda lm: dose_map(lm, V, TEXT).predicted(0.1, "p99"), "must be one of last, mean"),
        (lambda lm: dose_map(lm, "absent.gguf", TEXT), "'absent.gguf' is not"),
        (
            lambda lm: dose_map(
                lm, SteeringVector("own", "array", {"block:0": V, "prelogit": V}), TEXT
            ),
            "needs vectors of blocks",
        ),
    ],
)
def test_what_has_no_map_is_refused(lm, call, words):
    with pytest.raises(StabilityError, match=words):
        call(lm)
