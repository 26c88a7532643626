"""Mixtures of experts: the divergence jumps where another expert takes over, and is said to."""

import numpy as np
import pytest
import torch
from support.models import PROMPT, WIDTH, hooked_logits, in_float64, save_model
from transformers import MixtralConfig, PretrainedConfig, Qwen3MoeConfig

from stability.geometry.ray import ray
from stability.models import LanguageModel, load

SIZES = {
    "vocab_size": 320,
    "hidden_size": WIDTH,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "max_position_embeddings": 24,
    "initializer_range": 0.3,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": 0,
    "num_experts_per_tok": 1,
}
CONFIGS: dict[str, PretrainedConfig] = {
    "mixtral": MixtralConfig(**SIZES, num_local_experts=4),
    "qwen3_moe": Qwen3MoeConfig(**SIZES, num_experts=4, moe_intermediate_size=48, head_dim=16),
}
EPSILON = np.array([0.03, 0.3])


@pytest.fixture(scope="module", params=CONFIGS)
def lm(request, tmp_path_factory) -> LanguageModel:
    folder = save_model(tmp_path_factory.mktemp(request.param), CONFIGS[request.param])
    return load(str(folder), device="cpu")


def scanned(model, state, v, epsilon, end) -> tuple[float, bool]:
    """The first crossing by a dense scan of the whole model in float64, and whether it jumps there."""
    ids = torch.tensor([token.id for token in state.tokens])

    def log_probs(distance):
        delta = distance * v
        return hooked_logits(model, ids, state.position, state.site, delta).log_softmax(0)

    start, low, high = log_probs(0.0), 0.0, end
    # to the boundary that was found and a little beyond, then tenths of the step
    for points in (100, 11, 11, 11, 11, 11):
        t = np.linspace(low, high, points)
        kl = np.array([float((start.exp() * (start - log_probs(x))).sum()) for x in t])
        after = int((kl >= epsilon).argmax())
        low, high = t[after - 1], t[after]
    return high, bool(kl[after] - kl[after - 1] > 0.01 * epsilon)


def test_first_crossings_and_jumps_are_those_of_a_dense_scan(lm):
    state, model = lm.capture(PROMPT, site="block:0"), in_float64(lm.model)
    model.set_experts_implementation("eager")  # grouped products know float32 at most
    seen = set()
    v = torch.from_numpy(np.random.default_rng(4).standard_normal(WIDTH))
    v /= v.norm()
    found = ray(state, v).find(EPSILON)
    for side, i in np.argwhere(np.isfinite(found.distances)):
        distance, kind = found.distances[side, i], found.kinds[side, i]
        with torch.no_grad():
            toward = (2 * side - 1) * v
            expected, jumps = scanned(model, state, toward, EPSILON[i], 1.02 * distance)
        # 1e-4 of the distance, and what float32 moves a router's tie by
        assert distance == pytest.approx(expected, rel=2e-4)
        assert (kind == "jump") == jumps
        seen.add(kind)
    assert seen == {"reached", "jump"}
