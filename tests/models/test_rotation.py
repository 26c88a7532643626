"""Rotations whose frequencies depend on the text's length: one length for every part of a text."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from support.families import FAMILIES, language_model
from support.models import FAMILIES as THOROUGH
from support.models import blocks, hooked_logits, random_model

from stability.models.generation import continuations
from stability.models.network import Network
from stability.models.rotation import FixedRotation, depends_on_length
from stability.prediction.provenance import ModelCard

CROSSING = 8
SHORT, LONG = "a cat", "the cat sat on the mat and a dog ran"
BY_LENGTH = ["phi3, longrope", "phimoe"]
by_length = pytest.mark.parametrize("name", BY_LENGTH)
# logits of size ten from two float32 layers
CLOSE = {"rtol": 0, "atol": 1e-4}


def own_logits(lm, prompt):
    ids = torch.tensor([[token.id for token in lm.tokenize(prompt)]])
    with torch.no_grad():
        return lm.model(input_ids=ids, use_cache=False).logits[0].double()


def buffers(lm):
    return {name: buffer.clone() for name, buffer in lm.model.named_buffers()}


@pytest.mark.parametrize("name", ["llama", "gemma3", "bert", "llama, dynamic", *BY_LENGTH])
def test_the_rotations_that_depend_on_the_length_are_found(name):
    expected = name in (*BY_LENGTH, "llama, dynamic")
    model = random_model(FAMILIES[name]())
    assert any(map(depends_on_length, model.modules())) == expected


def test_one_set_of_factors_for_all_lengths_depends_on_none():
    """As GGUF files of Llama 3 have them: nothing is read anew for them."""
    config = THOROUGH["llama"]()
    config.rope_parameters = {
        "rope_type": "longrope",
        "rope_theta": 10000.0,
        "short_factor": [1.0 + 0.1 * i for i in range(8)],
        "long_factor": [1.0 + 0.1 * i for i in range(8)],
        "attention_factor": 1.0,
        "original_max_position_embeddings": 8,
    }
    lm = language_model(config)
    assert lm.network.rotations == {}
    for state in (lm.capture_all(LONG, "block:0")[3], lm.capture(LONG, site="block:0")):
        expected = own_logits(lm, LONG)[state.position]
        assert torch.allclose(state.logits, expected, **CLOSE)


@by_length
@pytest.mark.parametrize("position", [0, 3, CROSSING - 1, CROSSING, 12])
def test_below_and_beyond_the_crossing_all_sites_are_those_of_one_pass(name, position):
    lm = language_model(FAMILIES[name]())
    expected = own_logits(lm, LONG)[position]
    before = own_logits(lm, SHORT)[: position + 1]
    if position < len(before):
        # or a text that ends there would do as well
        assert (before[position] - expected).abs().max() > 0.01
    for site in ("prelogit", "block:1", "block:0"):
        for state in (lm.capture(LONG, position, site), lm.capture_all(LONG, site)[position]):
            torch.testing.assert_close(state.logits, expected, **CLOSE)


@by_length
def test_no_pass_writes_into_the_model(name):
    lm = language_model(FAMILIES[name]())
    before = buffers(lm)
    for prompt in (SHORT, LONG, SHORT):
        for site in ("prelogit", "block:0"):
            state = lm.capture(prompt, site=site)
            continuations(lm, state, torch.ones(state.width), [1.0], 8)
    after = buffers(lm)
    assert all(torch.equal(after[name], buffer) for name, buffer in before.items())


@by_length
def test_threads_on_both_sides_of_the_crossing_get_the_lone_answers(name):
    lm = language_model(FAMILIES[name]())
    questions = [(prompt, site) for prompt in (SHORT, LONG) for site in ("prelogit", "block:0")] * 8

    def answer(question):
        return lm.capture(question[0], -1, question[1]).logits

    alone = [answer(question) for question in questions]
    with ThreadPoolExecutor(8) as pool:
        assert all(map(torch.equal, pool.map(answer, questions), alone))


@by_length
@pytest.mark.parametrize("site", ["prelogit", "final", "block:0"])
def test_a_text_that_grows_past_the_crossing_is_read_anew(name, site):
    """What the model itself writes on all ids, with the push in each run but at the readout."""
    lm = language_model(FAMILIES[name]())
    state = lm.capture("the cat", site=site)
    assert len(state.tokens) < CROSSING - 1
    v = torch.randn(state.width, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    distances, n = [0.0, 2.0, -2.0], 10
    texts = continuations(lm, state, v, distances, n)
    for distance, text in zip(distances, texts, strict=True):
        ids = torch.tensor([token.id for token in state.tokens])
        delta = (distance * v / v.norm()).float()
        for step, token in enumerate(text.tokens):
            stays = step == 0 or site == "block:0"
            with torch.no_grad():
                last = whole(lm, ids, state, delta * stays)
            assert token.id == int(last.argmax())
            ids = torch.cat([ids, torch.tensor([token.id])])
        assert len(ids) > CROSSING + 1 or text.tokens[-1].id == 0


def whole(lm, ids, state, delta):
    """The whole model's logits at the end of a text, `δ` added at the state's position."""

    def push(module, arguments, output):
        moved = output.clone()
        moved[:, state.position] += delta
        return moved

    if len(ids) == state.position + 1:
        return hooked_logits(lm.model, ids, state.position, state.site, delta)
    with torch.no_grad(), blocks(lm.model)[0].register_forward_hook(push):
        return lm.model(input_ids=ids[None], use_cache=False).logits[0, -1]


# --- dynamic --------------------------------------------------------------------------------------


GROWING = {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 10000.0}


@pytest.fixture(scope="module", params=["llama", "gemma3"])
def dynamic(request):
    """A model that turns by other frequencies from the ninth token on; Gemma's in one layer of two."""
    config = FAMILIES[request.param]()
    config.max_position_embeddings = CROSSING
    config.rope_parameters = GROWING
    if request.param == "gemma3":
        config.layer_types = ["sliding_attention", "full_attention"]
        plain = {"rope_type": "default", "rope_theta": 10000.0}
        config.rope_parameters = {"sliding_attention": plain, "full_attention": GROWING}
    return Network(random_model(config), ModelCard("dynamic", "", "float32", 32, 2, 320))


def logits(network, ids):
    with torch.no_grad():
        return network.model.lm_head(network.prelogits(ids[None]))[0]


def fresh_logits(network, ids):
    """The logits of a copy of the model that has read nothing yet."""
    model = random_model(network.model.config)
    with torch.no_grad():
        return model(input_ids=ids[None], use_cache=False).logits[0]


def test_frequencies_grow_with_this_text_and_not_with_those_read_before(dynamic):
    long, longer, short = (torch.arange(1, n) for n in (13, 25, 6))
    for ids in (long, longer, short, long, short):
        torch.testing.assert_close(logits(dynamic, ids), fresh_logits(dynamic, ids), **CLOSE)
    with torch.no_grad():
        dynamic.model(input_ids=longer[None], use_cache=False)
    # the model itself now turns a shorter text by what the longer one has left
    torch.testing.assert_close(logits(dynamic, long), fresh_logits(dynamic, long), **CLOSE)


def test_a_part_of_a_text_turns_as_the_whole_does(dynamic):
    [rotary] = dynamic.rotations.values()
    x, ids = torch.zeros(1, 1, 32), torch.arange(20)[None]
    kinds = ["full_attention"] if isinstance(rotary.rope_type, dict) else []
    whole_text = FixedRotation(rotary, 20)(x, ids, *kinds)
    part = FixedRotation(rotary, 20)(x, ids[:, 3:5], *kinds)
    short = FixedRotation(rotary, 5)(x, ids[:, 3:5], *kinds)
    for all_angles, angles, others in zip(whole_text, part, short, strict=True):
        assert torch.equal(all_angles[:, 3:5], angles)
        assert not torch.allclose(angles, others, atol=1e-3)
