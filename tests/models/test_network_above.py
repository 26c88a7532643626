"""The network above a site: against runs of the whole model with a plain hook, family by family."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from support.models import (
    FAMILIES,
    PROMPT,
    WIDTH,
    blocks,
    divergence_hessian,
    hooked_logits,
    in_float64,
    loaded_once,
    save_model,
)
from torch import Tensor
from transformers import Gemma3TextConfig

from stability.curvature import fisher
from stability.curvature.spectrum import spectrum
from stability.errors import StabilityError
from stability.exact.flips import envelope
from stability.geometry.ray import ray
from stability.models import LanguageModel, load
from stability.prediction.jacobian import Jacobian
from stability.prediction.perturbation import perturb
from stability.prediction.state import State

LONG = "the cat sat on the mat and a dog ran"  # 13 tokens: beyond the sliding windows of 8
POSITIONS = [0, 6, 7, 8, 12]


def interleaved() -> Gemma3TextConfig:
    """Windows and whole contexts in turn, and more blocks."""
    config = FAMILIES["gemma3"]().to_dict()
    types = ["sliding_attention", "full_attention", "sliding_attention", "full_attention"]
    return Gemma3TextConfig.from_dict({**config, "num_hidden_layers": 4, "layer_types": types})


ALL = {**FAMILIES, "gemma3, interleaved": interleaved}
every_family = pytest.mark.parametrize("name", ALL)
# parts of some architectures (norms, softmax) round to float32 in a float64 model as well
CLOSE = {"rtol": 0, "atol": 1e-5}  # of logits of size ten


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    """Each tiny model, saved and loaded once."""
    return loaded_once(tmp_path_factory, lambda name: ALL[name]())


@pytest.fixture(scope="module")
def double(single):
    """The same models in float64, though their card does not say so."""

    def get(name: str) -> LanguageModel:
        lm = single(name)
        readout = replace(lm.readout, W_U=lm.readout.W_U.double())
        return replace(lm, model=in_float64(lm.model), readout=readout)

    return get


def places(lm: LanguageModel) -> tuple[str, ...]:
    """All sites below the readout, each once: the last block's output is `final`."""
    return ("final", *lm.sites[3:])


def ids_of(state: State) -> Tensor:
    return torch.tensor([token.id for token in state.tokens])


def perturbations(state: State, n: int, size: float = 1.0) -> Tensor:
    draw = torch.Generator().manual_seed(state.position)
    return size * torch.randn(n, state.width, generator=draw, dtype=torch.float64)


def whole(lm: LanguageModel, state: State, deltas: Tensor) -> Tensor:
    """The whole model's logits with each perturbation, one run each."""
    at = (lm.model, ids_of(state), state.position, state.site)
    with torch.no_grad():
        return torch.stack([hooked_logits(*at, delta) for delta in deltas]).double()


# --- the whole model ------------------------------------------------------------------------------


@every_family
def test_the_blocks_above_give_the_models_own_output(double, name):
    lm = double(name)
    ids = torch.tensor([token.id for token in lm.tokenize(LONG)])
    with torch.no_grad():
        output = lm.model(input_ids=ids[None], use_cache=False, output_hidden_states=True)
        expected = lm.model.base_model(input_ids=ids[None], use_cache=False).last_hidden_state[0]
    for site in lm.sites[1:]:
        for state in lm.capture_all(LONG, site)[::4]:
            torch.testing.assert_close(state.prelogit, expected[state.position], **CLOSE)
            torch.testing.assert_close(state.logits, output.logits[0, state.position], **CLOSE)


@every_family
def test_a_perturbed_block_gives_what_a_hook_on_the_whole_model_gives(double, name):
    lm = double(name)
    for site in places(lm):
        states = lm.capture_all(LONG, site)
        assert len(states) == 13
        for position in POSITIONS:
            state = states[position]
            deltas = perturbations(state, 2)
            logits = state.readout.logits(state.above(state.vector + deltas))
            expected = whole(lm, state, deltas)
            torch.testing.assert_close(logits, expected, **CLOSE)
            assert (expected - state.logits).abs().amax(dim=1).min() > 0.01
            kl = torch.nn.functional.kl_div(
                expected.log_softmax(1), state.log_probs, reduction="none", log_target=True
            ).sum(dim=1)
            np.testing.assert_allclose(perturb(state, deltas).kl, kl, rtol=1e-4, atol=1e-6)


@every_family
def test_in_float32_it_differs_from_the_whole_model_by_rounding_only(single, name):
    lm = single(name)
    for site in places(lm):
        state = lm.capture(LONG, 9, site)
        deltas = perturbations(state, 2)
        logits = state.readout.logits(state.above(state.vector + deltas))
        expected = whole(lm, state, deltas.float())
        # two layers in float32, of logits of size ten
        torch.testing.assert_close(logits, expected, rtol=0, atol=1e-4)


@every_family
def test_final_is_the_output_of_the_last_block(single, name):
    lm = single(name)
    last = f"block:{lm.card.n_layers - 1}"
    for position in (0, 9):
        final, block = (lm.capture(LONG, position, site) for site in ("final", last))
        assert (final.site, block.site) == ("final", last)
        assert torch.equal(final.vector, block.vector)
        assert torch.equal(final.logits, block.logits)
        delta = perturbations(final, 1)
        assert torch.equal(perturb(final, delta).displacement, perturb(block, delta).displacement)
        assert torch.equal(fisher.hvp(final, delta.T), fisher.hvp(block, delta.T))


@every_family
def test_a_trajectory_is_the_output_of_every_block_above(single, name):
    lm = single(name)
    depth = lm.capture_depth(LONG, 8)
    for block, state in enumerate(depth):
        outputs = [part.reshape(-1) for part in state.above.trajectory(state.vector[None])]
        expected = [*(above.vector for above in depth[block:]), state.prelogit]
        assert len(outputs) == len(expected)
        for output, other in zip(outputs, expected, strict=True):
            torch.testing.assert_close(output, other, rtol=0, atol=1e-4)


@every_family
def test_many_vectors_run_in_batches_and_each_has_its_own_answer(single, name, monkeypatch):
    # three rows at position 12
    monkeypatch.setattr("stability.models.network_above.KEYS_AT_ONCE", 40)
    lm = single(name)
    state = lm.capture(LONG, 12, "block:0")
    deltas = perturbations(state, 8)
    together = state.above(state.vector + deltas)
    for delta, in_batch in zip(deltas, together, strict=True):
        alone = state.above((state.vector + delta)[None])[0]
        torch.testing.assert_close(alone, in_batch, rtol=0, atol=1e-4)


@pytest.mark.parametrize("position", [3, 10])
@every_family
def test_later_tokens_read_what_a_perturbation_has_left_in_the_cache(double, name, position):
    lm = double(name)
    ids = torch.tensor([token.id for token in lm.tokenize(LONG)])
    state = lm.capture(LONG, position, "block:0")
    deltas = perturbations(state, 2)
    last, cache = state.above.prefill(state.vector + deltas)
    torch.testing.assert_close(last, state.above(state.vector + deltas), **CLOSE)
    with torch.no_grad():
        for step in (position + 1, position + 2):
            token = ids[step].expand(2, 1)
            all_logits = lm.readout.logits(lm.network.prelogits(token, cache=cache)[:, -1])
            for delta, logits in zip(deltas, all_logits, strict=True):
                torch.testing.assert_close(
                    logits, after(lm, ids[: step + 1], state, delta), **CLOSE
                )


def after(lm: LanguageModel, ids: Tensor, state: State, delta: Tensor) -> Tensor:
    """The whole model's logits at the last position, `δ` added at an earlier one."""

    def push(module, arguments, output):
        hidden = (output[0] if isinstance(output, tuple) else output).clone()
        hidden[:, state.position] += delta
        return (hidden, *output[1:]) if isinstance(output, tuple) else hidden

    with blocks(lm.model)[0].register_forward_hook(push):
        return lm.model(input_ids=ids[None], use_cache=False).logits[0, -1]


def test_nothing_is_left_in_the_model_or_in_what_was_captured(single):
    lm = single("llama")
    state = lm.capture(LONG, 9, "block:0")
    modules = list(lm.model.modules())
    vector, before = state.vector.clone(), state.above(state.vector[None])
    perturb(state, perturbations(state, 5, 100.0))
    spectrum(state, 2)
    state.above.prefill(state.vector[None])
    assert [*map(id, lm.model.modules())] == [*map(id, modules)]
    assert not any(module._forward_hooks for module in modules)
    assert torch.equal(state.vector, vector)
    assert torch.equal(state.above(state.vector[None]), before)


# --- curvature ------------------------------------------------------------------------------------


@every_family
def test_the_curvature_at_every_site_is_the_hessian_of_the_whole_models_divergence(double, name):
    lm = double(name)
    for position, sites in ((9, places(lm)), (0, ["block:0"])):
        for site in sites:
            state = lm.capture(LONG, position, site)
            at = (lm.model, ids_of(state), position, site)
            expected = divergence_hessian(*at, width=state.width)
            matrix = fisher.dense(state)
            # what float32 leaves in norms and softmax, differentiated twice
            assert float((matrix - expected).norm()) < 1e-4 * float(expected.norm())


@every_family
def test_the_network_pushes_and_pulls_by_its_own_jacobian(double, name):
    lm = double(name)
    for site in places(lm):
        state = lm.capture(LONG, 8, site)
        J = torch.autograd.functional.jacobian(lambda x, s=state: s.above(x[None])[0], state.vector)
        V, U = perturbations(state, 3).T, torch.randn(len(J), 2, dtype=torch.float64)
        size = float(J.norm())
        torch.testing.assert_close(state.jvp(V), J @ V, rtol=0, atol=1e-5 * size)
        torch.testing.assert_close(state.vjp(U), J.T @ U, rtol=0, atol=1e-5 * size)


def norm_jacobian(name: str, norm: torch.nn.Module, x: Tensor) -> Tensor:
    """The derivative of `g ⊙ x/rms(x)`, and of `g ⊙ (x − mean)/std + b`, by hand."""
    d, identity = len(x), torch.eye(len(x), dtype=x.dtype)
    if name == "gpt2":
        identity = identity - 1 / d
        x = x - x.mean()
        epsilon = norm.eps
    else:
        epsilon = norm.variance_epsilon
    scale = (x.square().mean() + epsilon).sqrt()
    return norm.weight[:, None] * (identity - torch.outer(x, x) / (d * scale**2)) / scale


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_at_final_the_jacobian_is_that_of_the_norm(double, name):
    lm = double(name)
    norm = lm.model.base_model.ln_f if name == "gpt2" else lm.model.base_model.norm
    for state in lm.capture_all(LONG, "final"):
        J = norm_jacobian(name, norm, state.vector)
        close = {"rtol": 0, "atol": 1e-6 * float(J.norm())}  # llama's norm rounds to float32
        torch.testing.assert_close(state.jvp(torch.eye(WIDTH)), J, **close)
        torch.testing.assert_close(state.vjp(torch.eye(WIDTH)), J.T, **close)


def test_at_final_of_llama_flips_are_those_of_straight_lines(double):
    """The norm is a positive scale there: the argmax is that of `W_U (g ⊙ (x + t v))`."""
    lm = double("llama")
    weight, total = lm.model.base_model.norm.weight, 0
    for state in lm.capture_all(LONG, "final")[::2]:
        v = torch.from_numpy(np.random.default_rng(state.position).standard_normal(WIDTH))
        v /= v.norm()
        levels, slopes = ((lm.readout.W_U @ (weight * u)).numpy() for u in (state.vector, v))
        for sign, flips in zip([-1, 1], ray(state, v).flips(limit=8), strict=True):
            expected = envelope(levels, sign * slopes, state.argmax, 8)
            expected = [(t, token) for t, token in expected if t < 5 * state.norm]
            assert [flip.id for flip in flips] == [token for _, token in expected]
            assert [flip.distance for flip in flips] == pytest.approx(
                [t for t, _ in expected], rel=1e-4
            )
            total += len(flips)
    assert total > 15


@pytest.mark.parametrize("name", ["llama", "gemma2"])
def test_the_boundary_of_a_ray_is_where_the_whole_model_has_diverged(double, name):
    lm = double(name)
    state = lm.capture(LONG, 9, "block:0")
    line = ray(state, perturbations(state, 1)[0])
    for epsilon in (0.01, 0.5):
        for sign, distance in zip([-1, 1], line.boundary(epsilon), strict=True):
            near = [sign * distance * (1 + 1e-3 * turn) * line.direction for turn in (-1, 1)]
            log_q = whole(lm, state, torch.stack(near)).log_softmax(dim=1)
            below, above = (state.probs * (state.log_probs - log_q)).sum(dim=1).tolist()
            assert below < epsilon < above


# --- threads --------------------------------------------------------------------------------------


def test_threads_that_share_a_model_get_the_lone_answers_bit_for_bit(single):
    lm = single("gemma3, interleaved")
    questions = [
        (prompt, position, site)
        for site in ("block:0", "block:2")
        for prompt, position in ((LONG, 9), (PROMPT, -1), (PROMPT, 0))
    ]

    def answer(question) -> tuple:
        prompt, position, site = question
        state = lm.capture(prompt, position, site)
        pairs = spectrum(state, 3)
        line = ray(state, pairs.vectors[:, 0])
        return state.vector, pairs.eigenvalues, pairs.vectors, torch.tensor(line.boundary(0.1))

    alone = [answer(question) for question in questions]
    with ThreadPoolExecutor(8) as pool:
        for answered, expected in zip(pool.map(answer, questions * 2), alone * 2, strict=True):
            assert all(map(torch.equal, answered, expected))
    assert len({float(values[0]) for _, values, _, _ in alone}) == len(questions)


# --- what is refused ------------------------------------------------------------------------------


def beside_the_stream(monkeypatch, model, giver: int, taker: int) -> None:
    """Let one block hand its output to a later one past the residual stream."""
    handed, parts = {}, blocks(model)
    give, take = parts[giver].forward, parts[taker].forward

    def giving(*arguments, **options):
        output = handed["over"] = give(*arguments, **options)
        return output

    def taking(*arguments, **options):
        return take(*arguments, **options) + handed.pop("over", 0)

    monkeypatch.setattr(parts[giver], "forward", giving)
    monkeypatch.setattr(parts[taker], "forward", taking)


@pytest.mark.parametrize(("giver", "taker"), [(0, 3), (2, 3), (0, 1), (1, 2)])
def test_blocks_that_need_more_than_the_vector_before_them_are_refused(
    tmp_path, monkeypatch, giver, taker
):
    """Wherever in the model they are: at `block:0` nothing is computed below."""
    config = FAMILIES["llama"]()
    config.num_hidden_layers = 4
    lm = load(str(save_model(tmp_path, config)), device="cpu")
    lm.capture(PROMPT, site="block:0")
    beside_the_stream(monkeypatch, lm.model, giver, taker)
    assert lm.capture(PROMPT).site == "prelogit"
    sentence = r"model's own output to 0.0001; .* \(LlamaForCausalLM\) are off by .*: this archi"
    with pytest.raises(StabilityError, match=sentence) as refused:
        lm.capture(PROMPT, site=f"block:{giver}")
    assert "\n" not in str(refused.value)


def test_output_that_is_not_finite_is_refused(tmp_path):
    def spoil(model):
        model.model.layers[1].mlp.down_proj.weight[0, 0] = float("inf")

    folder = str(save_model(tmp_path, FAMILIES["llama"](), edit=spoil))
    with pytest.raises(StabilityError, match="must be finite"):
        load(folder, device="cpu").capture(PROMPT, site="block:0")


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_weights_in_half_precision_give_the_numbers_of_the_same_weights_in_float32(tmp_path, dtype):
    """The truth along a ray and the spectrum, not only a pass."""
    config = FAMILIES["llama"]()
    half = load(str(save_model(tmp_path / "half", config)), dtype, "cpu")
    rounded = save_model(
        tmp_path / "single", config, edit=lambda model: model.to(getattr(torch, dtype)).float()
    )
    single = load(str(rounded), device="cpu")
    for site in ("final", "block:0"):
        states = [lm.capture(PROMPT, site=site) for lm in (half, single)]
        pairs = [spectrum(state, k=2) for state in states]
        np.testing.assert_allclose(pairs[0].eigenvalues, pairs[1].eigenvalues, rtol=1e-5)
        v = pairs[1].vectors[:, 0]
        one, other = (ray(state, v).boundary(0.01) for state in states)
        assert one == pytest.approx(other, rel=1e-4)
        # graphs of linear maps hold no weights, and serve all products
        kept = [{type(value) for value in vars(state).values()} for state in states]
        assert all(Jacobian in types for types in kept)
