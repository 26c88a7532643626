"""Every architecture: each site is right, against a hook on the whole model, or refused."""

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from support.families import FAMILIES, TEXT, language_model
from support.family_table import HEAD, RIGHT, TABLE, findings_of, row
from support.paths import ROOT

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
    lm, support = findings_of(name).lm, findings_of(name).support
    # logits of a few float32 layers, relative to the largest
    assert support.wrong < RIGHT
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


@pytest.mark.parametrize("name", FAMILIES)
def test_the_self_check_holds_and_the_table_says_what_it_found(name):
    found = findings_of(name)
    assert found.checked.holds
    refused = {site: why for site, why in found.checked.refused.items() if site != "prelogit"}
    assert set(found.lm.sites) - set(refused) >= set(found.support.sites)
    assert row(found) in TABLE.read_text("utf-8").splitlines()


def test_the_table_has_these_families_and_no_others():
    text = TABLE.read_text("utf-8")
    assert text.startswith(HEAD)
    rows = text.removeprefix(HEAD).splitlines()
    assert [line.split(" | ")[0].removeprefix("| ") for line in rows] == [*FAMILIES]


def test_the_readme_counts_the_families_as_the_table_does():
    rows = [line.split(" | ") for line in TABLE.read_text("utf-8").removeprefix(HEAD).splitlines()]
    readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
    said = re.search(
        r"Of (\d+) families .*?all are right at the readout and (\d+) at every block.*?"
        r"the other (\w+) .*?\(assets/families\.md\)",
        readme,
    )
    assert {cells[2] for cells in rows} == {"right"}
    below = [cells[3] for cells in rows]
    assert (int(said[1]), int(said[2])) == (len(rows), below.count("right"))
    assert said[3] == {3: "three"}[below.count("refused")]


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
