"""Rows of doses against plain hooks, the vectors they are of, and a sweep that goes on."""

import numpy as np
import pytest
import torch
from support.families import FAMILIES
from support.models import SENTENCES, WIDTH, save_model
from support.steering import divergences, information, steered_logits

from stability.errors import StabilityError
from stability.models import LanguageModel, load
from stability.prediction.conversation import Conversation
from stability.sweeps.dose_plan import DosePlan
from stability.sweeps.doses import DOSES, dose_outcomes, measure_doses, steering_vectors
from stability.sweeps.prompts import Prompt
from stability.sweeps.sweep import Sweep

PAIRS = (("the cat sat", "the dog sat"), ("a cat", "a dog ran"))
PLAN = DosePlan(sites=("block:0",), pairs=PAIRS, epsilons=(0.1, 1.0), words=5)
PROMPTS = [Prompt(index, f"p-{index}", text) for index, text in enumerate(SENTENCES)]
OVER = {
    "last": lambda kl: kl[-1],
    "mean": lambda kl: kl[1:].mean(),
    "p95": lambda kl: np.quantile(kl[1:], 0.95),
}


@pytest.fixture(scope="module")
def lm(tmp_path_factory) -> LanguageModel:
    return load(str(save_model(tmp_path_factory.mktemp("tiny"), FAMILIES["llama"]())), device="cpu")


@pytest.fixture(scope="module")
def vectors(lm):
    return steering_vectors(lm, PLAN)


@pytest.fixture(scope="module")
def rows(lm, vectors):
    return measure_doses(lm, PLAN, vectors, PROMPTS[0]).to_pandas()


def test_the_contrast_is_the_mean_difference_and_the_random_vector_is_as_long(lm, vectors):
    expected = np.mean(
        [
            (lm.capture(a, site="block:0").vector - lm.capture(b, site="block:0").vector).numpy()
            for a, b in PAIRS
        ],
        axis=0,
    )
    contrast = vectors["contrast", "block:0"].vectors["block:0"]
    np.testing.assert_allclose(contrast, expected, rtol=1e-5, atol=1e-6)
    drawn = vectors["random:1", "block:0"].vectors["block:0"]
    assert np.linalg.norm(drawn) == pytest.approx(np.linalg.norm(contrast), rel=1e-12)
    again = steering_vectors(lm, PLAN)["random:1", "block:0"].vectors["block:0"]
    np.testing.assert_array_equal(drawn, again)


def test_there_is_a_row_for_everything_that_is_measured_and_no_more(rows):
    keys = ["vector", "site", "positions", "statistic", "epsilon", "side"]
    assert not rows.duplicated(keys).any()
    # two vectors at one site; three statistics where all tokens change, one where the last does
    assert len(rows) == 2 * (3 + 1) * len(PLAN.epsilons) * 2
    assert set(rows.loc[rows["positions"] == "last", "statistic"]) == {"last"}
    assert set(rows["prompt"]) == {" ".join(SENTENCES[0].split()[:5])}


def test_rows_are_what_plain_hooks_give(lm, vectors, rows):
    for row in rows[::5].to_dict("records"):
        last = len(lm.tokenize(row["prompt"])) - 1
        assert row["tokens"] == last + 1
        options = {"positions": None if row["positions"] == "all" else [last]}
        changed = {0: vectors[row["vector"], "block:0"].vectors["block:0"]}
        statistic = OVER[row["statistic"]]

        def divergence(c, changed=changed, options=options, row=row, statistic=statistic):
            with torch.no_grad():
                base, moved = (
                    steered_logits(lm, row["prompt"], changed, row["side"] * at, **options)
                    for at in (0.0, float(c))
                )
            return statistic(divergences(base, moved).numpy())

        found = information(lm, row["prompt"], changed, **options).numpy()
        # a variance of slopes of float32
        assert row["information"] == pytest.approx(statistic(found), rel=1e-4)
        assert row["predicted"] == pytest.approx(
            np.sqrt(2 * row["epsilon"] / statistic(found)), rel=1e-4
        )
        assert row["half_nats"] == pytest.approx(divergence(row["reach"] / 2), rel=2e-3)
        if np.isfinite(row["actual"]):
            # a thousandth of a coefficient, at a power of two or so
            assert divergence(row["actual"]) == pytest.approx(row["epsilon"], rel=1e-2)


def test_a_sweep_of_doses_goes_on_where_it_stopped(lm, tmp_path):
    sweep, plan = Sweep(tmp_path), DosePlan(("block:1",), PAIRS, ("contrast",), ("last",), (0.1,))
    prompts = [*PROMPTS[:2], Prompt(2, "p-2", None, reason="no text here")]
    with sweep.claimed(plan, prompts, lm.card, DOSES):
        sweep.keep(*next(iter(dose_outcomes(lm, plan, sweep.left(prompts)))))
    with sweep.claimed(plan, prompts, lm.card, DOSES):
        assert [prompt.index for prompt in sweep.left(prompts)] == [1, 2]
        for prompt, outcome in dose_outcomes(lm, plan, sweep.left(prompts)):
            sweep.keep(prompt, outcome)
    assert sweep.table().schema.names == DOSES.names
    assert sweep.table()["prompt_index"].to_pylist() == [0, 0, 1, 1]
    assert [failure["reason"] for failure in sweep.failures()] == ["no text here"]
    with (
        pytest.raises(StabilityError, match="A folder holds one sweep; the words"),
        sweep.claimed(DosePlan(("block:1",), PAIRS, ("contrast",), ("last",), (0.1,), 3), prompts,
                      lm.card, DOSES),
    ):  # fmt: skip
        pass


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"vectors": ("pca",)}, "contrast or random:N; received 'pca'"),
        ({"vectors": ("random:x",)}, "received 'random:x'"),
        ({"epsilons": (0.0,)}, "positive number of nats"),
        ({"words": 0}, "whole number of at least 1; received 0"),
        ({"words": -3}, "whole number of at least 1; received -3"),
        ({"positions": ("first",)}, "all or last; received 'first'"),
        ({"sites": ()}, "needs sites; received none"),
        ({"pairs": ()}, "needs pairs; received none"),
        ({"vectors": ()}, "needs vectors; received none"),
        ({"positions": ()}, "needs positions; received none"),
        ({"epsilons": ()}, "needs epsilons; received none"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(options, words):
    with pytest.raises(StabilityError, match=words):
        DosePlan(**{"sites": ("block:0",), "pairs": PAIRS} | options)


def test_a_conversation_is_no_text_to_cut():
    with pytest.raises(StabilityError, match="prompts of plain text"):
        PLAN.text(Prompt(0, "p", Conversation.of([{"role": "user", "content": "hello"}])))


def test_the_width_of_the_tiny_model_is_that_of_its_vectors(vectors):
    assert {len(v.vectors["block:0"]) for v in vectors.values()} == {WIDTH}
