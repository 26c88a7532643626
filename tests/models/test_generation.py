"""What is written after one push: against the whole model, run anew for every token."""

import re
from dataclasses import replace
from itertools import product

import pytest
import torch
from support import families
from support.models import CONTEXT, FAMILIES, PROMPT, blocks, loaded_once, save_model
from torch.distributions import Categorical, kl_divergence

from stability.errors import StabilityError
from stability.models import load
from stability.models.generation import continuations
from stability.prediction.bare import bare_state

LONG = "the cat sat on the mat, a dog ran after the cat"
WINDOW, LAYERS, N = 8, 3, 8
SITES = ["prelogit", "final", *(f"block:{block}" for block in range(LAYERS))]
every_site = pytest.mark.parametrize("site", SITES)


@pytest.fixture(scope="module")
def family(tmp_path_factory):
    """Tiny models with room to write; Gemma's see eight tokens back in two blocks of three."""

    def config_of(name):
        config = FAMILIES[name]()
        config.num_hidden_layers, config.max_position_embeddings = LAYERS, 64
        if name == "gemma3":
            config.layer_types = ["sliding_attention", "full_attention", "sliding_attention"]
        return config

    return loaded_once(tmp_path_factory, config_of)


@pytest.fixture(scope="module", params=["llama", "gpt2", "gemma3"])
def lm(family, request):
    lm = family(request.param)
    assert len(lm.tokenize(LONG)) > WINDOW + 2
    return lm


def direction_at(state, seed=0):
    draw = torch.Generator().manual_seed(seed)
    v = torch.randn(state.width, generator=draw, dtype=torch.float64)
    return v / v.norm()


def ids_of(text):
    return [token.id for token in text.tokens]


def pushed(lm, site, position, deltas):
    """A hook that adds `δ` to what leaves a site of the whole model, at one position, row by row."""

    def move(hidden):
        hidden = hidden.clone()
        hidden[:, position] += deltas.to(hidden)
        return hidden

    if site == "prelogit":
        head = lm.model.get_output_embeddings()
        return head.register_forward_pre_hook(lambda _, arguments: (move(arguments[0]),))

    def after(module, arguments, output):
        return (move(output[0]), *output[1:]) if isinstance(output, tuple | list) else move(output)

    block = blocks(lm.model)[-1 if site == "final" else int(site.removeprefix("block:"))]
    return block.register_forward_hook(after)


def rerun(lm, state, deltas, n):
    """Tokens and logits of greedy writing without a cache: the model reads each text from its start.

    The push is there again in every run, but at the readout, where it changes one prediction.
    """
    start = [token.id for token in state.tokens[: state.position + 1]]
    ids, logits = torch.tensor([start] * len(deltas)), []
    for step in range(n):
        stays = step == 0 or state.site.startswith("block")
        hook = pushed(lm, state.site, state.position, deltas * stays)
        with hook, torch.no_grad():
            logits.append(lm.model(input_ids=ids, use_cache=False).logits[:, -1].double())
        ids = torch.cat([ids, logits[-1].argmax(dim=1)[:, None]], dim=1)
    return ids[:, len(start) :].tolist(), torch.stack(logits, dim=1)


def check(lm, state, distances, n=N):
    """Texts, divergences and first differences are those of the whole model."""
    v = direction_at(state)
    moves = torch.tensor([0.0, *distances], dtype=torch.float64)[:, None] * v
    (base, *written), logits = rerun(lm, state, moves, n)
    texts = continuations(lm, state, v, distances, n)
    assert [text.distance for text in texts] == distances
    for text, expected, perturbed in zip(texts, written, logits[1:], strict=True):
        assert ids_of(text) == expected
        kl = kl_divergence(Categorical(logits=logits[0]), Categorical(logits=perturbed))
        # logits of size 10 in float32, by two orders of operations: 1e-5 apart, which a divergence
        # feels in proportion to its root
        assert list(text.kl) == pytest.approx(kl.tolist(), rel=1e-4, abs=1e-6)
        pairs = zip(expected, base, strict=True)
        differing = [i for i, (here, there) in enumerate(pairs) if here != there]
        assert text.first_difference == (differing[0] if differing else None)
    return texts


# --- the same text --------------------------------------------------------------------------------


@every_site
def test_without_a_push_the_text_is_what_the_model_itself_writes(lm, site):
    state = lm.capture(LONG, site=site)
    ids = torch.tensor([[token.id for token in state.tokens]])
    written = lm.model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=N,
        do_sample=False,
        eos_token_id=-1,  # none
    )
    [text] = continuations(lm, state, direction_at(state), [0.0], N)
    assert ids_of(text) == written[0, ids.shape[1] :].tolist()
    assert text.first_difference is None
    assert max(text.kl) < 1e-9  # two rows of one batch
    assert [token.index for token in text.tokens] == list(range(N))
    assert [token.text for token in text.tokens] == [lm.text(token) for token in ids_of(text)]


# --- pushed ---------------------------------------------------------------------------------------


@every_site
def test_a_pushed_text_is_that_of_the_whole_model_read_anew_for_every_token(lm, site):
    state = lm.capture(LONG, site=site)
    texts = check(lm, state, [0.0, 0.1, 3.0, -3.0, 100.0])
    assert texts[0].first_difference is None
    assert any(text.first_difference is not None for text in texts)
    assert max(texts[1].kl[:1]) > 1e-8  # or a push that is lost would pass


@every_site
@pytest.mark.parametrize("position", [0, 3, WINDOW])
def test_a_text_goes_on_from_the_middle_of_a_prompt_as_if_it_ended_there(lm, site, position):
    state = lm.capture(LONG, position, site)
    check(lm, state, [2.0, -20.0], 6)


# blocks of tuples, states of recurrences, windows and chunks, no cache, and one that misreads its own
# beyond its window (Moshi)
KINDS = ["gpt_neo", "falcon", "llama4", "mamba", "jamba", "openai-gpt", "rwkv", "recurrent_gemma"]


@pytest.mark.parametrize("name", [*KINDS, "moshi", "gemma3n"])
def test_every_architecture_writes_what_the_whole_model_writes(name):
    lm = families.language_model(families.FAMILIES[name]())
    lm.model.generation_config.eos_token_id = None
    sites = ["prelogit"] if name == "gemma3n" else ["prelogit", "block:0"]
    for site, position in product(sites, [2, -1]):
        state = lm.capture(PROMPT, position, site)
        check(lm, state, [0.0, 0.3 * state.norm, -3.0 * state.norm])


@pytest.mark.parametrize("site", ["prelogit", "final"])
def test_at_the_readout_all_but_the_first_token_is_the_plain_models(lm, site):
    """The plain model, given the prompt and the first token, writes the rest."""
    state = lm.capture(LONG, site=site)
    [text] = continuations(lm, state, direction_at(state), [300.0], N)
    assert text.first_difference == 0
    chosen = replace(text.tokens[0], index=len(state.tokens))
    after = replace(state, tokens=(*state.tokens, chosen), position=len(state.tokens), site="final")
    [expected], _ = rerun(lm, after, torch.zeros(1, state.width, dtype=torch.float64), N - 1)
    assert ids_of(text)[1:] == expected


def test_a_push_stays_in_what_later_tokens_read_below_the_last_block(lm):
    """Where the first token is the same, the later predictions still differ."""
    state = lm.capture(LONG, site="block:0")
    [text] = continuations(lm, state, direction_at(state), [0.1], 3)
    assert text.first_difference is None
    assert min(text.kl) > 1e-8
    state = lm.capture(LONG, site="final")
    [text] = continuations(lm, state, direction_at(state), [0.1], 3)
    assert text.first_difference is None
    assert text.kl[0] > 1e-8
    assert max(text.kl[1:]) < 1e-9


def test_texts_do_not_depend_on_those_written_beside_them(lm):
    state = lm.capture(LONG, site="block:1")
    v, distances = direction_at(state), [3.0, -3.0, 0.5]
    together = continuations(lm, state, v, distances, N)
    for distance, text in zip(distances, together, strict=True):
        [alone] = continuations(lm, state, v, [distance], N)
        assert ids_of(alone) == ids_of(text)
        assert list(alone.kl) == pytest.approx(list(text.kl), rel=1e-4, abs=1e-6)


def test_writing_leaves_the_state_and_its_prompt_as_they_were(lm):
    state = lm.capture(LONG, site="block:1")
    v, before = direction_at(state), state.above(state.vector[None])
    first, second = (continuations(lm, state, v, [2.0], N) for _ in range(2))
    assert first == second
    assert torch.equal(state.above(state.vector[None]), before)


# --- where a text ends ----------------------------------------------------------------------------


@pytest.fixture(params=product(["prelogit", "block:1"], ["tokenizer", "model"]), ids="-".join)
def ending(family, request, monkeypatch):
    """A state, its direction, two texts from there, and how their second token is made an end."""
    lm = family("llama")
    site, who = request.param
    state = lm.capture(PROMPT, site=site)
    v = direction_at(state)
    plain, other = (ids_of(text) for text in continuations(lm, state, v, [0.0, 30.0], N))

    def write():
        if who == "tokenizer":
            monkeypatch.setattr(type(lm.tokenizer), "eos_token_id", plain[1], raising=False)
        else:
            monkeypatch.setattr(lm.model.generation_config, "eos_token_id", [-1, plain[1]])
        return continuations(lm, state, v, [0.0, 30.0], N)

    return plain, other, write


def until(ids, end):
    return ids[: ids.index(end) + 1] if end in ids else ids


def test_an_end_of_text_is_the_last_token_of_its_text_and_of_no_other(ending):
    plain, other, write = ending
    short, long = write()
    assert ids_of(short) == until(plain, plain[1])
    assert len(short.kl) == len(short.tokens) <= 2
    assert short.first_difference is None
    assert ids_of(long) == until(other, plain[1])
    assert len(long.kl) == len(short.tokens) < len(long.tokens)  # then there is nothing to compare
    assert long.first_difference == 0


@every_site
def test_a_context_may_be_filled_but_not_exceeded(tmp_path, site):
    small = load(str(save_model(tmp_path, FAMILIES["gpt2"]())), device="cpu")
    site = site if site in small.sites else "block:1"
    state = small.capture(PROMPT, 2, site)
    [text] = continuations(small, state, direction_at(state), [1.0], CONTEXT - 3)
    assert len(text.tokens) == CONTEXT - 3
    sentence = (
        f"reads at most {CONTEXT} tokens; after position 2 there is room for {CONTEXT - 3}, not for "
        f"{CONTEXT - 2}: ask for fewer, or shorten the prompt.$"
    )
    with pytest.raises(StabilityError, match=sentence):
        continuations(small, state, direction_at(state), [1.0], CONTEXT - 2)


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize("site", ["prelogit", "block:0"])
@pytest.mark.parametrize("t", [float("nan"), float("inf"), float("-inf"), 1e30, 1e300])
def test_distances_that_are_no_numbers_or_overflow_are_refused(family, site, t):
    lm = family("llama")
    state = lm.capture(PROMPT, site=site)
    sentence = rf"finite in float32; received {re.escape(str(t))}: try one near the length of"
    with pytest.raises(StabilityError, match=sentence):
        continuations(lm, state, direction_at(state), [0.0, t], 2)


@pytest.mark.parametrize("site", ["prelogit", "block:0"])
def test_a_state_of_another_model_of_equal_width_is_refused(family, tmp_path, site):
    """Of another name, or of the same with other weights."""
    lm, other = family("llama"), family("gemma3")
    state = other.capture(PROMPT, site=site)
    sentence = (
        f"by the model that its state was captured from; received a state of '{other.card.name}' for "
        f"'{lm.card.name}': capture it from this model."
    )
    with pytest.raises(StabilityError, match=re.escape(sentence)):
        continuations(lm, state, direction_at(state), [1.0], 2)
    with pytest.raises(StabilityError, match="by the model that its state was captured from"):
        continuations(replace(other, card=lm.card), state, direction_at(state), [1.0], 2)
    retrained = replace(lm.readout, W_U=lm.readout.W_U + 1)
    state = lm.capture(PROMPT, site=site)
    with pytest.raises(StabilityError, match="by the model that its state was captured from"):
        continuations(replace(lm, readout=retrained), state, direction_at(state), [1.0], 2)
    again = replace(lm, readout=replace(lm.readout, W_U=lm.readout.W_U.clone()))
    assert continuations(again, state, direction_at(state), [1.0], 2)


def test_a_network_that_is_no_models_is_refused_not_taken_for_the_readout(family):
    lm = family("llama")
    rows = lm.readout.W_U
    state = bare_state(rows, torch.ones(rows.shape[1]), [lambda x: 2 * x])
    sentence = r"that a language model was captured at; received one of 'bare' at 'block:0' below"
    with pytest.raises(StabilityError, match=sentence):
        continuations(lm, state, direction_at(state), [1.0], 2)
