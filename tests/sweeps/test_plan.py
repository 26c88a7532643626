"""What a sweep measures: positions and directions by seed, and plans that cannot be."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.models import FAMILIES, PROMPT, WIDTH, save_model
from support.states import properties, random_state, with_logits

from stability.curvature.direction_spec import DirectionSpec
from stability.errors import StabilityError
from stability.models import LanguageModel, load
from stability.sweeps.measurement import measure
from stability.sweeps.plan import Plan
from stability.sweeps.prompts import Prompt

WHOLE = Prompt(5, "five", PROMPT, "rhyme")


@pytest.fixture(scope="module")
def lm(tmp_path_factory) -> LanguageModel:
    config = FAMILIES["llama"]()
    config.max_position_embeddings = 128  # for the built-in prompts
    return load(str(save_model(tmp_path_factory.mktemp("tiny"), config)), device="cpu")


@pytest.fixture
def plan() -> Plan:
    specs = ("eig:3", "random:1", "covariance:1", "rival:1", "prompt:a dog ran", "prompt:A prompt")
    return Plan(("prelogit", "block:0"), specs, (0.01,), seed=3)


# --- positions ------------------------------------------------------------------------------------


@properties(100)
@given(
    tokens=st.integers(2, 40),
    positions=st.integers(1, 50),
    index=st.integers(0, 10**6),
    seed=st.integers(0, 10**6),
)
def test_positions_are_different_in_order_and_never_the_first(tokens, positions, index, seed):
    plan = Plan(positions=positions, seed=seed)
    positions_drawn = plan.sampled(Prompt(index, "a", "a"), tokens)
    assert len(positions_drawn) == min(positions, tokens - 1)
    assert positions_drawn == sorted(set(positions_drawn))
    assert set(positions_drawn) <= set(range(1, tokens))
    # the name and the text of a prompt have no part in it
    assert positions_drawn == plan.sampled(Prompt(index, "b", "b"), tokens)


def test_a_prompt_of_one_token_is_measured_at_it(lm, plan):
    assert plan.sampled(WHOLE, 1) == [0]
    rows = measure(lm, Plan(directions=("eig:0",)), Prompt(0, "0", "a"))
    assert set(rows["position"].to_pylist()) == {0}
    assert set(rows["token"].to_pylist()) == {"a"}


def test_every_position_is_drawn_as_often_as_any_other():
    plan, draws = Plan(), 2000
    counts = Counter(i for n in range(draws) for i in plan.sampled(Prompt(n, "", ""), 9))
    # two of eight positions: a count is binomial, of probability 1/4 and standard deviation 19.4
    assert sorted(counts) == list(range(1, 9))
    assert max(abs(count - draws / 4) for count in counts.values()) < 5 * 19.4


def test_prompts_and_seeds_have_positions_of_their_own():
    many = [
        {tuple(Plan(seed=seed).sampled(Prompt(n, "", ""), 30)) for n in range(20)}
        for seed in (0, 1)
    ]
    assert min(map(len, many)) > 15  # of 406 pairs, 20 draws repeat 0.5 pairs on average
    assert many[0] != many[1]


# --- directions -----------------------------------------------------------------------------------


def at(position: int, seed: int = 0):
    """A state that says it is at a position."""
    state = random_state(seed)
    object.__setattr__(state, "position", position)
    return state


@pytest.mark.parametrize("kind", ["random", "covariance"])
def test_what_is_drawn_is_drawn_anew_for_each_number_position_prompt_and_seed(kind):
    def resolved(number=1, position=2, index=0, seed=0):
        spec = DirectionSpec(kind, number)
        return Plan(seed=seed).resolved(spec, Prompt(index, "", ""), at(position))

    changed = [{}, {"number": 2}, {"position": 3}, {"index": 1}, {"seed": 1}]
    specs = [resolved(**change) for change in changed]
    assert specs == [resolved(**change) for change in changed]
    assert len(set(specs)) == len(specs)
    assert all(spec.kind == kind and DirectionSpec.parse(str(spec)) == spec for spec in specs)


def test_a_rival_is_the_direction_from_the_likeliest_token_to_the_nth_after_it():
    logits = [0.0, 3.0, -1.0, 7.0, 7.0, 5.0]  # of equals, the lower id comes first
    state = with_logits(np.eye(6), logits)
    rivals = [Plan().resolved(DirectionSpec("rival", n), WHOLE, state) for n in range(1, 6)]
    assert [*map(str, rivals)] == [
        "tokens:3,4",
        "tokens:3,5",
        "tokens:3,1",
        "tokens:3,0",
        "tokens:3,2",
    ]


@pytest.mark.parametrize("spec", ["eig:7", "tokens:4,5", "prompt:random:1", "file:rival:1.npy"])
def test_other_directions_are_as_they_are_given(spec):
    parsed = DirectionSpec.parse(spec)
    assert str(Plan().resolved(parsed, WHOLE, random_state())) == spec


# --- plans that cannot be -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"epsilons": (0.0,)}, "positive number of nats; received 0.0"),
        ({"epsilons": (0.1, -1.0)}, "positive number of nats; received -1.0"),
        ({"epsilons": (math.inf,)}, "positive number of nats; received inf"),
        ({"epsilons": (math.nan,)}, "positive number of nats; received nan"),
        ({"positions": 0}, "at least one position a prompt and a seed .*; received 0 and 0: try"),
        ({"positions": -2}, "; received -2 and 0: try"),
        ({"seed": -1}, "a seed that is not negative; received 2 and -1: try"),
    ],
)
def test_a_plan_of_nothing_is_refused(settings, words):
    with pytest.raises(StabilityError, match=words):
        Plan(**settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"sites": ("prelogit", "nowhere")}, "L from 0 to 1 for .*; received 'nowhere'"),
        ({"sites": ("block:2",)}, "L from 0 to 1 for .*; received 'block:2'"),
        ({"directions": ("eig:0", f"eig:{WIDTH}")}, f"between 0 and {WIDTH - 1} here; received 32"),
        ({"directions": ("eig:x",)}, "whole and not negative; received 'eig:x'"),
        (
            {"directions": ("north:1",)},
            "A direction must be eig:K, .*; received 'north:1'",
        ),
        ({"directions": ("",)}, "A direction must be eig:K, .*; received ''"),
        *(
            (
                {"directions": (f"{kind}:{number}",)},
                f"{words}; received '{kind}:{number}': try",
            )
            for kind in ("random", "covariance", "rival")
            for number, words in (
                ("0", "count from 1"),
                *((bad, "whole and not negative") for bad in ("-1", "", "x", "1.5", "9" * 40)),
            )
        ),
    ],
)
def test_a_plan_that_no_prompt_of_a_model_has_is_refused(lm, settings, words):
    plan = Plan(**{"directions": ("eig:0",), **settings})
    with pytest.raises(StabilityError, match=words):
        plan.require(lm)


def test_a_plan_that_a_model_has_is_not_refused(lm, plan):
    plan.require(lm)
    Plan(("final", "block:1"), (f"eig:{WIDTH - 1}", "rival:3")).require(lm)


def test_the_default_plan_names_twelve_directions_of_four_kinds():
    kinds = Counter(spec.partition(":")[0] for spec in Plan().directions)
    assert kinds == {"eig": 6, "random": 2, "covariance": 2, "rival": 2}
    assert Plan().epsilons == (0.001, 0.01, 0.1, 1.0)
