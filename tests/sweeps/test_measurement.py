"""What a sweep measures at a prompt: against `analyze`, and against the whole model moved by hand."""

import json
import math
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from support.models import FAMILIES, PROMPT, SENTENCES, WIDTH, hooked_logits, in_float64, save_model
from torch.distributions import Categorical, kl_divergence

import stability
from stability.errors import StabilityError, StoppedError
from stability.geometry.analysis import analyze
from stability.models import LanguageModel, load
from stability.prediction.conversation import Conversation
from stability.sweeps.measurement import SCHEMA, all_rows, attempt, measure
from stability.sweeps.plan import Plan
from stability.sweeps.prompts import Prompt

WHOLE = Prompt(5, "five", PROMPT, "rhyme")
SITES, EPSILONS = ("prelogit", "block:0"), (0.01, 50.0)  # no push below reaches 50 nats
FLAT = np.eye(WIDTH)[0].tolist()
CERTAIN = ["certified_ball", "inner", "outer", "moment_inner", "moment_outer"]
OF_STRAIGHT_LINES = [*CERTAIN, "kappa3", "kappa4", "token_constraint_bound", "nearest_flip"]
ALONG_FLAT = [*CERTAIN[1:], "predicted", "actual", "flip", "flip_token"]


@pytest.fixture(scope="module")
def lm(tmp_path_factory) -> LanguageModel:
    """A tiny model in which no logit moves against another along the first axis of the readout."""

    def flatten(model):
        model.lm_head.weight[:, 0] = 1

    config = FAMILIES["llama"]()
    config.max_position_embeddings = (
        128  # for the built-in prompts of covariance-matched directions
    )
    return load(
        str(save_model(tmp_path_factory.mktemp("tiny"), config, edit=flatten)), device="cpu"
    )


@pytest.fixture(scope="module")
def flat(tmp_path_factory) -> str:
    """The direction along which nothing happens at the readout."""
    path = tmp_path_factory.mktemp("directions") / "flat.json"
    path.write_text(json.dumps(FLAT), encoding="utf-8")
    return f"file:{path}"


@pytest.fixture(scope="module")
def plan(flat) -> Plan:
    specs = ("eig:3", "random:1", "covariance:1", "rival:1", "prompt:a dog ran", flat)
    return Plan(SITES, specs, EPSILONS, seed=3)


@pytest.fixture(scope="module")
def table(lm, plan) -> pa.Table:
    return measure(lm, plan, WHOLE)


@pytest.fixture(scope="module")
def rows(table) -> list[dict]:
    return table.to_pylist()


def of_directions(rows: list[dict]) -> list[list[dict]]:
    """The rows of each state and direction."""
    groups = {}
    for row in rows:
        groups.setdefault((row["site"], row["position"], row["direction"]), []).append(row)
    return list(groups.values())


# --- the rows of a prompt -------------------------------------------------------------------------


def test_there_is_a_row_for_each_site_position_direction_epsilon_and_side(table, rows, plan):
    assert table.schema == SCHEMA
    assert len(rows) == 2 * 2 * len(plan.directions) * len(EPSILONS) * 2
    sides = [(epsilon, side) for epsilon in EPSILONS for side in (-1, 1)]
    for group in of_directions(rows):
        assert [(row["epsilon"], row["side"]) for row in group] == sides
    assert sorted({row["position"] for row in rows}) == plan.sampled(WHOLE, 6)
    # all sites at the same positions, and what is drawn there the same
    by_site = [
        [(row["position"], row["kind"]) for row in rows if row["site"] == site] for site in SITES
    ]
    assert by_site[0] == by_site[1]
    drawn = [
        {row["direction"] for row in rows if row["site"] == site and row["kind"] == "random"}
        for site in SITES
    ]
    assert drawn[0] == drawn[1]
    assert len(drawn[0]) == 2


def test_every_row_says_where_it_comes_from(lm, rows, plan):
    tokens = lm.tokenize(PROMPT)
    for row in rows:
        expected = {
            "model": lm.card.name,
            "revision": "local",
            "dtype": "float32",
            "version": stability.__version__,
            "seed": 3,
            "prompt_index": 5,
            "prompt_id": "five",
            "prompt_kind": "rhyme",
            "prompt": PROMPT,
            "token": tokens[row["position"]].text,
        }
        assert {key: row[key] for key in expected} == expected
    asked = [row["asked"] for row in rows]
    assert asked == [*np.repeat(plan.directions, 2 * len(EPSILONS))] * 4  # sites times positions
    for row in rows:
        drawn = row["asked"].startswith(("random:", "covariance:", "rival:"))
        assert (row["direction"] != row["asked"]) == drawn
    kinds = {row["kind"] for row in rows}
    assert kinds == {"eig", "random", "covariance", "tokens", "prompt", "file"}


def test_every_value_is_that_of_analyze(lm, rows):
    """Each state captured alone, each direction resolved alone, each ray alone."""
    given = ["model", "revision", "dtype", "version", "seed", "prompt_index", "prompt_id"]
    given += ["prompt_kind", "prompt", "position", "token", "site", "asked", "direction"]
    for group in of_directions(rows):
        position, site, direction = (group[0][key] for key in ("position", "site", "direction"))
        analysis = analyze(lm, PROMPT, position, site, direction, 1)
        state, ray, spread = analysis.state, analysis.ray, analysis.spectrum.row_spread
        shared = {key: group[0][key] for key in given} | {
            "next_token": state.most_likely(1)[0][0].text,
            "norm": state.norm,
            "entropy": state.entropy,
            "margin": state.margin,
            "token_constraint_bound": spread and spread.token_constraint_bound(),
            "nearest_flip": analysis.sensitivity.nearest_flip
            and analysis.sensitivity.nearest_flip.distance,
            "kind": analysis.direction.kind,
            "curvature": ray.curvature,
            "kappa3": ray.cumulants and ray.cumulants[1],
            "kappa4": ray.cumulants and ray.cumulants[2],
            "lowest": float(ray.slopes.min()),
            "highest": float(ray.slopes.max()),
        }
        sides, remaining = (-1, 1), iter(group)
        actual, firsts = ray.boundaries(np.array(EPSILONS)), ray.flips(1)
        for (i, epsilon), (j, side) in product(enumerate(EPSILONS), enumerate(sides)):
            certain, moments = ray.certificate(epsilon), ray.moment_brackets(np.array([epsilon]))
            first = firsts[j][0] if firsts[j] else None
            expected = shared | {
                "epsilon": epsilon,
                "side": side,
                "certified_ball": analysis.sensitivity.certified_ball(epsilon),
                "predicted": ray.predicted_radius(epsilon),
                "actual": float(actual[j, i]) if math.isfinite(actual[j, i]) else None,
                "inner": certain and certain[j][0],
                "outer": certain and certain[j][1],
                "moment_inner": certain and float(moments[j, 0, 0]),
                "moment_outer": certain and float(moments[j, 1, 0]),
                "flip": first and first.distance,
                "flip_token": first and first.text,
            }
            row = next(remaining)
            numbers = {key for key, value in expected.items() if isinstance(value, float)}
            words = expected.keys() - numbers  # and what is null
            assert set(SCHEMA.names) == numbers | words
            assert {key: row[key] for key in words} == {key: expected[key] for key in words}
            # slopes are float32 products, which round otherwise for several directions than for one:
            # by 1e-7 of the largest, and small cumulants and slopes are differences of such
            assert {key: row[key] for key in numbers} == pytest.approx(
                {key: expected[key] for key in numbers}, rel=1e-5, abs=1e-7
            )


def test_at_each_boundary_the_whole_model_is_epsilon_away_and_at_each_flip_of_two_minds(
    lm, rows, flat
):
    """The model itself in float64, its vector moved by a hook."""
    model = in_float64(lm.model)
    ids = torch.tensor([token.id for token in lm.tokenize(PROMPT)])
    reached = flips = 0
    for group in of_directions(rows):
        position, site, direction = (group[0][key] for key in ("position", "site", "direction"))
        v = analyze(lm, PROMPT, position, site, direction, 1).direction.vector

        def logits(t, position=position, site=site, v=v):
            return hooked_logits(model, ids, position, site, t * v)

        start = logits(0.0)
        slopes = (logits(0.01) - logits(-0.01)) / 0.02
        slopes -= start.softmax(0) @ slopes
        # the norms round to 1e-6 also here, which in such a difference of logits of size ten is 1e-3
        assert group[0]["lowest"] == pytest.approx(float(slopes.min()), rel=1e-2, abs=2e-3)
        assert group[0]["highest"] == pytest.approx(float(slopes.max()), rel=1e-2, abs=2e-3)
        assert group[0]["entropy"] == pytest.approx(float(Categorical(logits=start).entropy()))
        top = start.topk(2).values
        # a difference of float32 logits of size ten
        assert group[0]["margin"] == pytest.approx(float(top[0] - top[1]), abs=1e-5)
        for row in group:
            if row["actual"] is not None:
                moved = logits(row["side"] * row["actual"])
                kl = kl_divergence(Categorical(logits=start), Categorical(logits=moved))
                # distances are found to 1e-3 where the logits are nonlinear, which counts twice
                assert float(kl) == pytest.approx(row["epsilon"], rel=2e-3)
                reached += 1
            if row["flip"] is not None and row["epsilon"] == EPSILONS[0]:
                before, after = (
                    int(logits(row["side"] * row["flip"] * factor).argmax())
                    for factor in (0.99, 1.01)
                )
                assert before == int(start.argmax())
                assert lm.text(after) == row["flip_token"]
                flips += 1
    assert reached > 60  # of 96 rows
    assert flips > 15  # of 48 sides


def test_the_cumulants_are_those_of_the_slope_under_the_prediction(lm, rows):
    W_U = lm.model.lm_head.weight.double()
    for group in of_directions(rows):
        row = group[0]
        if row["site"] != "prelogit":
            continue
        analysis = analyze(lm, PROMPT, row["position"], "prelogit", row["direction"], 1)
        p = (W_U @ analysis.state.vector.double()).softmax(0)
        a = W_U @ analysis.direction.vector
        a = a - p @ a
        second, third, fourth = (float(p @ a**power) for power in (2, 3, 4))
        # products in float32 of sums of size one
        close = {"rel": 1e-4, "abs": 1e-6}
        assert row["curvature"] == pytest.approx(second, **close)
        assert row["kappa3"] == pytest.approx(third, **close)
        assert row["kappa4"] == pytest.approx(fourth - 3 * second**2, **close)


def test_below_the_readout_nothing_is_certain_and_no_cumulant_known(rows):
    below = [row for row in rows if row["site"] == "block:0"]
    assert {row[key] for row in below for key in OF_STRAIGHT_LINES} == {None}
    assert all(row["curvature"] > 0 and row["predicted"] > 0 for row in below)
    assert {row["actual"] for row in below if row["epsilon"] == 50} == {None}  # not reached
    assert None not in {row["actual"] for row in below if row["epsilon"] == 0.01}


def test_at_the_readout_every_bracket_holds_and_the_moments_tighten_it(rows, flat):
    at_readout = [row for row in rows if row["site"] == "prelogit" and row["direction"] != flat]
    for row in at_readout:
        assert row["inner"] <= row["moment_inner"] <= row["actual"]
        assert row["actual"] <= row["moment_outer"] <= row["outer"]
        assert row["certified_ball"] <= row["actual"]
        # two ways to the same number where the nearest is along the direction to a rival
        assert row["nearest_flip"] <= (row["flip"] or math.inf) * (1 + 1e-5)
    assert any(row["inner"] < row["moment_inner"] for row in at_readout)


def test_what_a_flat_direction_does_not_have_is_null(rows, flat):
    flats = [row for row in rows if row["site"] == "prelogit" and row["direction"] == flat]
    assert len(flats) == 2 * len(EPSILONS) * 2
    assert {row[key] for row in flats for key in ALONG_FLAT} == {None}
    zero = ["curvature", "kappa3", "kappa4", "lowest", "highest"]
    assert {row[key] for row in flats for key in zero} == {0}
    assert all(row["certified_ball"] > 0 and row["nearest_flip"] > 0 for row in flats)


def test_values_are_numbers_or_null(table):
    for field in SCHEMA:
        if pa.types.is_floating(field.type):
            values = table[field.name].drop_null().to_numpy()
            assert np.isfinite(values).all(), field.name


# --- order, and prompts that do not fit -----------------------------------------------------------


def test_rows_of_several_prompts_are_put_together_without_those_that_failed(table):
    together = all_rows(iter([table, "no text", table]))
    assert together.equals(pa.concat_tables([table, table]))
    nothing = all_rows(["no text"])
    assert (nothing.num_rows, nothing.schema) == (0, SCHEMA)


def test_prompts_have_the_same_rows_in_whatever_order_they_are_measured(lm):
    plan = Plan(directions=("random:1", "covariance:1", "rival:1"), epsilons=(0.1,), positions=1)
    prompts = [Prompt(i, str(i), text) for i, text in enumerate(SENTENCES)]
    forwards = [measure(lm, plan, prompt) for prompt in prompts]
    fresh = load(lm.card.name, device="cpu")
    backwards = [measure(fresh, plan, prompt) for prompt in reversed(prompts)]
    for first, second in zip(forwards, reversed(backwards), strict=True):
        assert first.equals(second)
    assert not forwards[0].equals(forwards[1])


def test_a_prompt_that_does_not_fit_is_refused(lm, plan):
    with pytest.raises(StabilityError, match="reads at most 128 tokens"):
        measure(lm, plan, Prompt(0, "0", PROMPT * 30))
    with pytest.raises(StabilityError, match=r"^this line is no JSON: so it is$"):
        measure(lm, plan, Prompt(0, "0", None, reason="this line is no JSON: so it is"))


def test_a_file_of_a_direction_is_read_at_each_prompt_and_may_be_missing(lm, tmp_path):
    absent = Path(tmp_path, "absent.npy")
    with pytest.raises(StabilityError, match="A file of vectors must be readable; "):
        measure(lm, Plan(directions=(f"file:{absent}",)), WHOLE)


def test_a_conversation_is_measured_at_its_own_tokens_and_kept_in_its_written_form(tmp_path):
    config = FAMILIES["llama"]()
    config.max_position_embeddings = 128
    lm = load(str(save_model(tmp_path, config)), device="cpu")
    lm.tokenizer.chat_template = "{% for m in messages %}{{ 'u:' + m.content }}{% endfor %}"
    talk = Conversation.of([{"role": "user", "content": PROMPT}])
    plan = Plan(directions=("eig:0",), epsilons=(0.01,), positions=1)
    rows = measure(lm, plan, Prompt(0, "0", talk)).to_pylist()
    state = lm.capture("u:" + PROMPT, rows[0]["position"])
    assert {row["prompt"] for row in rows} == {str(talk)}
    assert (rows[0]["token"], rows[0]["norm"]) == (state.here.text, state.norm)


def test_a_stop_is_no_reason_why_a_prompt_could_not_be_measured(lm, plan):
    def stop():
        raise StoppedError("Measuring was stopped: start it again.")

    with pytest.raises(StoppedError):
        attempt(lm, plan, WHOLE, stop)
