"""Every architecture: each site is right, against a hook on the whole model, or refused."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from support.families import FAMILIES, TEXT, language_model, support_of

from stability.errors import StabilityError

# what is refused below the readout, and why
SEVERAL_STREAMS = "need blocks that one vector for each token leaves; "
REFUSED = {
    "deepseek_v4": SEVERAL_STREAMS + r".* returns values of shape \(1, 13, \d, 32\) for 13",
    "gemma3n": SEVERAL_STREAMS + r".* returns values of shape \(4, 1, 13, 32\) for 13",
    "xlm": "need 2 blocks that are called once each, in order; XLMWithLMHeadModel has 4 such lists",
}
# read anew for every vector, since a pass over the next token does not continue the one before it
ANEW = {"bamba", "minimax", "moshi", "openai-gpt", "recurrent_gemma", "rwkv"}


@pytest.mark.parametrize("name", FAMILIES)
def test_every_site_is_right_or_refused_with_its_reason(name):
    lm = language_model(FAMILIES[name]())
    support = support_of(lm)
    # logits of a few float32 layers, relative to the largest
    assert support.wrong < 1e-5
    if name in REFUSED:
        assert support.sites == ("prelogit",)
        with pytest.raises(StabilityError, match=REFUSED[name]) as refused:
            lm.capture(TEXT, site="final")
        assert str(refused.value) == support.refusal
        assert support.refusal.endswith("use site 'prelogit'.")
    else:
        assert support.refusal is None
        assert support.sites == ("prelogit", *lm.sites[2:])
        assert support.keeps_cache == (name not in ANEW)


def test_a_state_in_the_models_own_modules_is_not_shared_between_threads():
    """RecurrentGemma keeps the state of its recurrence in the module that computes it."""
    lm = language_model(FAMILIES["recurrent_gemma"]())
    modules = [dict(vars(module)) for module in lm.model.modules()]
    texts = [TEXT, "the cat", "a dog ran after the cat", "on the mat"]
    questions = [(text, -1, site) for text in texts for site in ("prelogit", "block:0")] * 4

    def answer(question):
        state = lm.capture(*question)
        return state.above(1.1 * state.vector[None]) if state.above else state.vector

    alone = [answer(question) for question in questions]
    with ThreadPoolExecutor(4) as pool:
        assert all(map(torch.equal, pool.map(answer, questions), alone))
    for module, before in zip(lm.model.modules(), modules, strict=True):
        assert all(value is before[name] for name, value in vars(module).items())
