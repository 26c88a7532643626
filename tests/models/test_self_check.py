"""The self-check: it holds where a model is right, and each part of it fails where that is wrong."""

from dataclasses import replace

import pytest
import torch
from support.families import FAMILIES as MANY
from support.families import language_model
from support.models import FAMILIES, save_model
from transformers.models.llama.modeling_llama import LlamaDecoderLayer

import stability
from stability.models import check_texts, load, precision_comparisons, state_comparisons
from stability.models.comparisons import Comparison
from stability.models.language_model import LanguageModel
from stability.models.network_above import NetworkAbove
from stability.prediction.readout import Readout

FLOAT64 = precision_comparisons.name_of("float64")


@pytest.fixture(scope="module")
def lm(tmp_path_factory):
    return load(str(save_model(tmp_path_factory.mktemp("tiny"), FAMILIES["llama"]())), device="cpu")


@pytest.fixture(scope="module")
def checked(lm):
    return stability.check(lm)


def failing(check: stability.SelfCheck) -> list[str]:
    return [comparison.name for comparison in check.comparisons if not comparison.holds]


def with_readout(lm: LanguageModel, **changes) -> LanguageModel:
    return replace(lm, readout=replace(lm.readout, **changes))


def test_a_right_model_passes_with_every_error_far_below_its_limit(checked):
    assert checked.holds
    assert not checked.refused
    assert not checked.not_run
    assert checked.tokens == 24  # its whole context
    for comparison in checked.comparisons:
        if comparison.limit is not None:
            assert comparison.error < 0.5 * comparison.limit, comparison.name


def test_every_kind_of_comparison_is_made(checked):
    names = [comparison.name for comparison in checked.comparisons]
    assert len(names) == len(set(names)) == 11
    for site in ("prelogit", "final", "block:1", "block:0"):
        assert f"KL at the boundary at {site} in the model's own pass" in names


def test_progress_goes_from_nothing_to_all(lm):
    fractions = []
    stability.check(lm, report=lambda _, fraction: fractions.append(fraction))
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)


def test_a_readout_that_is_slightly_off_is_told_by_the_logits_and_the_boundary(lm):
    wrong = stability.check(with_readout(lm, scale=1.02))
    assert not wrong.holds
    assert "logits against the model's own" in failing(wrong)
    assert "KL at the boundary at prelogit in the model's own pass" in failing(wrong)


def test_a_model_that_reads_the_future_is_told(lm, monkeypatch):
    forward = LlamaDecoderLayer.forward

    def leaking(self, hidden_states, *arguments, **options):
        moved = hidden_states + 1e-3 * hidden_states.mean(dim=1, keepdim=True)
        return forward(self, moved, *arguments, **options)

    monkeypatch.setattr(LlamaDecoderLayer, "forward", leaking)
    assert "a prediction against later tokens" in failing(stability.check(lm))


def test_a_network_above_that_is_slightly_off_is_told_by_the_sites(lm, monkeypatch):
    """Within what captures allow, 1e-4, and beyond what a prediction may change by."""
    inject = NetworkAbove.__call__
    monkeypatch.setattr(
        NetworkAbove, "__call__", lambda self, vectors: 1.00005 * inject(self, vectors)
    )
    monkeypatch.setattr(state_comparisons, "SAME_PREDICTION", 1e-13)
    assert any("sites below" in name for name in failing(stability.check(lm)))


def test_a_boundary_elsewhere_is_told(lm, monkeypatch):
    ray = state_comparisons.ray

    def misplaced(state, direction):
        line = ray(state, direction)
        minus, plus = line.boundary(state_comparisons.EPSILON)
        line.__dict__["boundary"] = lambda epsilon: (minus, 1.01 * plus)
        return line

    monkeypatch.setattr(state_comparisons, "ray", misplaced)
    assert len([name for name in failing(stability.check(lm)) if "boundary" in name]) == 4


def test_a_spectrum_that_is_slightly_off_is_told(lm, monkeypatch):
    spectrum = state_comparisons.spectrum

    def turned(state, k):
        found = spectrum(state, k)
        rolled = found.vectors + 0.05 * found.vectors.roll(1, dims=0)
        return replace(found, trace=1.001 * found.trace, vectors=rolled)

    monkeypatch.setattr(state_comparisons, "spectrum", turned)
    assert {
        "trace of H against the variances of all coordinates",
        "leading eigenpairs against H in float64",
    } <= set(failing(stability.check(lm)))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_weights_in_half_precision_hold_everywhere_and_their_own_arithmetic_is_told(lm, dtype):
    checked = stability.check(load(lm.card.name, dtype, device="cpu"))
    assert checked.holds
    assert not (checked.refused)
    assert not (checked.not_run)
    errors = {comparison.name: comparison.error for comparison in checked.comparisons}
    single = errors[precision_comparisons.name_of("float64")]
    assert single < 1e-6 < errors[precision_comparisons.name_of(dtype)]


def test_sites_that_are_refused_are_told_with_the_reason():
    checked = stability.check(language_model(MANY["xlm"]()))
    assert set(checked.refused) == {"final", "block:0", "block:1"}
    assert "called once each" in checked.refused["final"]
    assert checked.holds
    # nothing is said to hold at sites that there are not
    assert list(checked.not_run) == [state_comparisons.SITES]


def test_what_cannot_be_compared_is_said_with_its_reason_and_is_no_failure():
    """Gemma 2 caps its logits, so that no sum over rows of `W_U` gives H."""
    lm = language_model(MANY["gemma2"]())
    checked = stability.check(lm)
    assert checked.holds
    assert set(checked.not_run) == {state_comparisons.TRACE, state_comparisons.PAIRS}
    assert "soft-capped at 5" in checked.not_run[state_comparisons.TRACE]
    assert {entry["name"] for entry in checked.report()["not_run"]} == set(checked.not_run)


def test_code_that_fails_in_another_precision_is_no_failure_of_the_model():
    """XGLM fills its mask with a number of float64 where torch makes a float32 of it."""
    checked = stability.check(language_model(MANY["xglm"]()))
    assert checked.holds
    [(name, why)] = checked.not_run.items()
    assert name == precision_comparisons.name_of("float64")
    assert "without overflow" in why


def test_a_copy_that_does_not_fit_is_not_made(lm, monkeypatch):
    needed = precision_comparisons.memory_of_copy(lm.model, "float64")
    monkeypatch.setattr(precision_comparisons, "free_on", lambda device: needed - 1)
    checked = stability.check(lm)
    assert checked.holds
    assert "must fit into the memory at hand" in checked.not_run[FLOAT64]
    # the smaller copy would have fitted
    assert list(checked.not_run) == [FLOAT64]


def test_a_copy_takes_twice_the_weights_and_the_largest_once_more(lm):
    weights = [tensor.numel() for tensor in lm.model.parameters()]
    buffers = [tensor.numel() for tensor in lm.model.buffers()]
    tensors = [*weights, *buffers]
    expected = 8 * (sum(tensors) + max(tensors))
    assert precision_comparisons.memory_of_copy(lm.model, "float64") == expected


@pytest.mark.parametrize("name", ["mixtral", "qwen3_moe", "deepseek_v3"])
def test_a_mixture_of_experts_is_compared_in_float64_too(name):
    lm = language_model(MANY[name]())
    implementation = lm.model.config._experts_implementation
    checked = stability.check(lm)
    assert checked.holds
    assert not checked.not_run
    assert FLOAT64 in [comparison.name for comparison in checked.comparisons]
    # the model itself stays as it was
    assert lm.model.config._experts_implementation == implementation


def test_a_text_is_longer_than_any_window(tmp_path):
    config = FAMILIES["gemma3"]()
    config.max_position_embeddings, config.sliding_window = 256, 100
    lm = load(str(save_model(tmp_path, config)), device="cpu")
    assert check_texts.long_text(lm).shape == (1, 108)


@pytest.mark.parametrize("error", [float("nan"), float("inf"), 2.0])
def test_what_is_no_number_does_not_hold(error):
    comparison = Comparison("quantity", error, 1.0, "nats", "It must", "stop")
    assert not comparison.holds
    assert replace(comparison, limit=None).holds


def test_a_report_is_json_with_the_number_of_each_comparison(checked):
    report = checked.report()
    assert report["holds"] is True
    assert report["model"]["n_layers"] == 2
    assert {"name", "error", "limit", "unit", "holds"} == set(report["comparisons"][0])


def test_a_readout_of_bare_rows_is_what_the_trace_is_computed_from(lm):
    """With two orthonormal rows and a uniform prediction the trace is 1/4 of |w1 − w0|² = 2: 1/2."""
    state = replace(lm.capture("a cat"), vector=torch.zeros(32), readout=Readout(torch.eye(2, 32)))
    assert state_comparisons.trace_comparison(state).holds
    assert state_comparisons.pairs_comparison(state).holds
