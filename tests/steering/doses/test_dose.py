"""Doses: predicted by the closed form, true by bisection with plain hooks, and one report of both."""

import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from support.models import WIDTH
from support.states import properties
from support.steering import TEXT, divergences, information, random_vector, steered_logits
from support.vector_files import control_vector

import stability
from stability.errors import StabilityError
from stability.steering.crossings import search, statistics
from stability.steering.crossings import truth as truth_module
from stability.steering.crossings.crossing import first_crossing
from stability.steering.doses.dose import dose
from stability.steering.doses.layers import dose_map
from stability.steering.doses.report import dose_report
from stability.steering.passes.steered_pass import ReadoutChange
from stability.vector_files.steering_vector import SteeringVector

V = random_vector(WIDTH, seed=1, length=3.0)
EPSILONS = (0.01, 0.1, 1.0)
ACCURACY = 1e-3  # of a coefficient, which is promised
PROMPTS = [TEXT, "a dog ran after the cat"]


@pytest.fixture(scope="module")
def found(lm):
    return dose(lm, V, TEXT, site="block:0")


@pytest.fixture(scope="module")
def truth(found):
    return found.truth(EPSILONS, "last", "mean", "median", "p95")


def first_by_scan(values: np.ndarray, c: np.ndarray, level: float) -> float:
    """The first crossing between points that lie so near that a line joins them."""
    reached = values >= level
    if not reached.any():
        return np.inf
    j = int(reached.argmax())
    low, high = values[j - 1], values[j]
    return float(c[j - 1] + (c[j] - c[j - 1]) * (level - low) / (high - low))


@pytest.fixture(scope="module")
def scanned(lm, truth):
    """Divergences and most likely tokens on a fine grid, by plain hooks in float64."""
    c = np.geomspace(1e-3, truth.limit, 1200)
    kl, flipped = [], []
    for sign in (-1, 1):
        with torch.no_grad():
            base = steered_logits(lm, TEXT, {0: V}, 0.0)
            z = steered_logits(lm, TEXT, {0: V}, sign * torch.from_numpy(c))
        kl.append(divergences(base.expand(z.shape), z).T.numpy())
        flipped.append((z.argmax(-1) != base.argmax(-1)).T.numpy())
    return c, np.stack(kl), np.stack(flipped)


def test_every_tokens_dose_is_the_first_crossing(truth, scanned):
    c, kl, _ = scanned
    for side in range(2):
        for token in range(kl.shape[1]):
            for column, epsilon in enumerate(EPSILONS):
                expected = first_by_scan(kl[side, token], c, epsilon)
                received = truth.doses[0][side, token, column]
                # float32 leaves 1e-6 nats; the grid's own lines are as good as the tolerance
                assert received == pytest.approx(expected, rel=2 * ACCURACY), (side, token, epsilon)


def test_the_first_change_of_the_most_likely_token_is_found(truth, scanned):
    c, _, flipped = scanned
    for side in range(2):
        for token in range(flipped.shape[1]):
            changes = flipped[side, token]
            received = truth.flips[0][side, token]
            if not changes.any():
                assert received == np.inf
            else:
                j = int(changes.argmax())
                assert c[j - 1] * (1 - ACCURACY) <= received <= c[j] * (1 + ACCURACY)


@pytest.mark.parametrize(
    ("name", "statistic"),
    [
        ("last", lambda kl: kl[-1]),
        ("mean", lambda kl: kl[1:].mean(axis=0)),
        ("median", lambda kl: np.median(kl[1:], axis=0)),
        ("p95", lambda kl: np.quantile(kl[1:], 0.95, axis=0)),
    ],
)
def test_a_statistics_dose_is_the_first_crossing_of_all_tokens_but_the_first(
    found, truth, scanned, name, statistic
):
    c, kl, _ = scanned
    for side in range(2):
        for column, epsilon in enumerate(EPSILONS):
            expected = first_by_scan(statistic(kl[side]), c, epsilon)
            assert truth.statistics[name][side, column] == pytest.approx(expected, rel=2 * ACCURACY)
    information = statistic(found.information[0][:, None])
    for budget in found.budgets(EPSILONS, name, truth=truth):
        expected = np.sqrt(2 * budget.epsilon / information)
        assert budget.predicted == pytest.approx(float(np.ravel(expected)[0]), rel=1e-12)


def test_without_names_every_statistic_has_its_budgets(found, truth):
    budgets = found.budgets(EPSILONS, truth=truth)
    assert [(budget.epsilon, budget.statistic) for budget in budgets] == [
        (epsilon, name) for epsilon in EPSILONS for name in ("last", "mean", "median", "p95")
    ]


def test_a_small_dose_is_the_predicted_one(found):
    """`KL = ½ I c² + O(c³)`: at 1e-5 nats the third order leaves a few thousandths."""
    small = found.truth(1e-5).doses[0][..., 0]
    np.testing.assert_allclose(small[0], found.predicted(1e-5)[0], rtol=2e-2)
    np.testing.assert_allclose(small.mean(axis=0), found.predicted(1e-5)[0], rtol=2e-3)


def test_at_the_readout_the_doses_are_those_of_the_exact_line(lm):
    found = dose(lm, V, TEXT, site="prelogit")
    truth = found.truth(EPSILONS)
    for token, state in enumerate(lm.capture_all(TEXT)):
        ray = stability.ray(state, V)
        length = np.linalg.norm(V)
        exact = np.array([ray.boundary(epsilon) for epsilon in EPSILONS], dtype=float).T / length
        expected = np.where(exact <= truth.limit, exact, np.inf)
        np.testing.assert_allclose(truth.doses[0][:, token], expected, rtol=ACCURACY)
        flips = [side[0].distance / length if side else np.inf for side in ray.flips(1)]
        expected = [flip if flip <= truth.limit else np.inf for flip in flips]
        np.testing.assert_allclose(truth.flips[0][:, token], expected, rtol=ACCURACY)
        assert found.predicted(0.1)[0][token] * length == pytest.approx(
            ray.predicted_radius(0.1), rel=1e-6
        )


def test_at_the_last_block_and_position_the_doses_are_those_of_the_ray(lm):
    found = dose(lm, V, TEXT, site="block:0", positions="last")
    truth = found.truth(EPSILONS)
    ray = stability.ray(lm.capture(TEXT, site="block:0"), V)
    for column, epsilon in enumerate(EPSILONS):
        expected = [side and side / np.linalg.norm(V) for side in ray.boundary(epsilon)]
        assert truth.doses[0][:, -1, column] == pytest.approx(expected, rel=2 * ACCURACY)
    assert np.isinf(truth.doses[0][:, :-1]).all()
    assert np.isinf(found.predicted(0.1)[0][:-1]).all()


def test_twice_the_vector_has_half_the_dose(lm, found, truth):
    twice = dose(lm, 2 * V, TEXT, site="block:0")
    np.testing.assert_allclose(twice.predicted(0.1)[0], found.predicted(0.1)[0] / 2, rtol=1e-5)
    doses = twice.truth(0.1).doses[0][..., 0]
    np.testing.assert_allclose(doses, truth.doses[0][..., 1] / 2, rtol=2 * ACCURACY)


def test_the_length_of_what_is_projected_out_does_not_matter(lm):
    one, other = (
        dose(lm, length * V, TEXT, site="block:1", mode="project").truth(0.1) for length in (1, 7)
    )
    np.testing.assert_allclose(one.doses[0], other.doses[0], rtol=2 * ACCURACY)


def test_the_other_divergence_has_doses_of_its_own(lm, scanned):
    found = dose(lm, V, TEXT, site="block:0", reverse=True)
    received = found.truth(1.0).doses[0][1, -1, 0]
    with torch.no_grad():
        base = steered_logits(lm, TEXT, {0: V}, 0.0)
        changed = steered_logits(lm, TEXT, {0: V}, float(received))
    # as 1.0 nats are reached with a slope of two or so
    assert float(divergences(base, changed, reverse=True)[-1]) == pytest.approx(1.0, rel=5e-3)


def test_several_texts_give_an_interval_and_one_gives_none(lm):
    several = dose(lm, V, [*PROMPTS, "the capital of France is Paris"], site="block:0")
    [budget] = several.budgets(0.1, "mean")
    low, high = budget.plus_interval
    assert low <= budget.plus <= high
    assert low < high
    [alone] = dose(lm, V, TEXT, site="block:0").budgets(0.1, "mean")
    assert alone.plus_interval is None


def test_a_text_of_one_token_has_no_statistic_over_the_others(lm):
    [last, mean] = dose(lm, V, "a", site="block:0").budgets(0.1, "last", "mean")
    assert last.predicted
    assert last.plus
    assert (mean.predicted, mean.minus, mean.plus) == (None, None, None)
    assert (last.kinds, mean.kinds) == (("reached", "reached"), ("undefined", "undefined"))


def test_what_comes_before_a_change_is_left_out_of_everything(lm):
    [resolution] = dose(lm, V, TEXT, site="block:0", positions=[3]).truth(0.1).resolution
    assert (resolution[:3] == 0).all()
    assert (resolution[3:] > 0).all()


def test_what_rounding_hides_has_no_dose(lm):
    found = dose(lm, V, TEXT, site="block:0")
    truth = found.truth([1e-9, 0.1], "mean")
    assert np.isnan(truth.doses[0][..., 0]).all()
    assert np.isfinite(truth.doses[0][:, 1:, 1]).all()
    hidden, reached = found.budgets([1e-9, 0.1], "mean", truth=truth)
    assert (hidden.minus, hidden.kinds) == (None, ("unresolved", "unresolved"))
    assert reached.kinds == ("reached", "reached")


def test_what_is_beyond_the_search_is_not_reached_and_the_limit_is_said(lm):
    found = dose(lm, V, TEXT, site="block:0")
    [budget] = found.budgets(1e6, "mean")
    assert (budget.plus, budget.kinds) == (None, ("not reached", "not reached"))
    states = torch.stack([state.vector for state in lm.capture_all(TEXT, "block:0")][1:])
    # five times the states' length together, by the change's: √T‖v‖
    expected = 5 * float(states.double().norm()) / (np.linalg.norm(V) * np.sqrt(len(states)))
    assert budget.limit == pytest.approx(expected, rel=1e-6)


def test_a_tiny_vector_at_a_second_site_hardly_moves_the_reach(lm):
    both = SteeringVector("two", "array", {"block:0": V, "block:1": 1e-6 * V})
    text = dose(lm, both, TEXT).texts[0]
    lengths = [
        torch.stack([state.vector for state in lm.capture_all(TEXT, site)][1:]).norm().item()
        for site in ("block:0", "block:1")
    ]
    # both sites' states together, by the change's: √t‖v‖
    change = np.linalg.norm(V) * np.sqrt(len(text.states) - 1)
    assert text.reach == pytest.approx(float(np.hypot(*lengths)) / change, rel=1e-6)


def test_where_the_first_token_alone_is_changed_its_own_length_counts(lm):
    text = dose(lm, V, TEXT, site="block:0", positions=[0]).texts[0]
    first = lm.capture(TEXT, position=0, site="block:0")
    assert text.reach == pytest.approx(first.norm / np.linalg.norm(V), rel=1e-6)


@pytest.mark.parametrize("side", [0, 1])
def test_the_least_divergence_that_is_resolved_has_its_dose_to_a_thousandth(lm, found, truth, side):
    # for which rounding leaves a thousandth, by its estimate
    epsilon = 1.05 * float(truth.resolution[0][-1])
    [budget] = found.budgets(epsilon, "last")
    received = (budget.minus, budget.plus)[side]
    base = steered_logits(lm, TEXT, {0: V}, 0.0)

    def off(c: float) -> float:
        changed = steered_logits(lm, TEXT, {0: V}, (2 * side - 1) * c)
        return float(divergences(base, changed)[-1]) - epsilon

    with torch.no_grad():
        exact = brentq(off, 0.5 * received, 2 * received, rtol=1e-6)
    assert received == pytest.approx(exact, rel=ACCURACY)


def test_a_statistics_resolution_is_that_of_the_tokens_that_it_reads():
    resolution = [np.array([9.0, 1.0, 2.0]), np.array([7.0])]
    assert truth_module._hidden_below("mean", resolution, [0, 0]) == 2.0
    assert truth_module._hidden_below("last", resolution, [0, 0]) == 7.0
    assert np.isnan(truth_module._hidden_below("p95", resolution[1:], [0]))


def test_a_search_that_has_not_ended_gives_no_dose(lm, truth, monkeypatch):
    monkeypatch.setattr(search, "MOST_ROUNDS", 0)
    ended = dose(lm, V, TEXT, site="block:0").truth(EPSILONS, "mean")
    for received, expected in [
        (ended.doses[0], truth.doses[0]),
        (ended.statistics["mean"], truth.statistics["mean"]),
        (ended.flips[0], truth.flips[0]),
    ]:
        hidden = np.isnan(received)
        assert hidden.any()
        np.testing.assert_allclose(received[~hidden], expected[~hidden], rtol=2 * ACCURACY)


@pytest.mark.parametrize(("part", "is_resolved"), [(0.8, True), (1.01, False)])
def test_a_change_whose_lead_rounding_may_feign_is_not_resolved(lm, monkeypatch, part, is_resolved):
    """Along a straight line the lead falls by the gap; a step before its end by 0.84 of it at least."""
    measured = truth_module._resolution
    found = dose(lm, V, TEXT, site="prelogit")
    plain = found.truth(0.1)
    winner = int(plain.winners[0][1, -1])
    z = found.texts[0].states[-1].uncapped_logits
    noise = part * ACCURACY * float(z.max() - z[winner])

    def rounded(texts, reach):
        return measured(texts, reach)[0], tuple(np.full(len(t.states), noise) for t in texts)

    monkeypatch.setattr(truth_module, "_resolution", rounded)
    truth = found.truth(0.1)
    assert np.isfinite(truth.flips[0][1, -1]) == is_resolved
    assert truth.winners[0][1, -1] == (winner if is_resolved else -1)


def test_where_the_network_overflows_the_search_ends(lm):
    @dataclass(frozen=True, eq=False)
    class Overflowing(ReadoutChange):
        most: float = np.inf

        def __call__(self, coefficients):
            over = coefficients[:, None, None] > self.most
            return super().__call__(coefficients).masked_fill(over, np.inf)

    found = dose(lm, V, TEXT, site="prelogit")
    [text] = found.texts
    epsilons = [0.1, 1.0]
    most = float(np.mean([budget.plus for budget in found.budgets(epsilons, "mean")]))
    passes = Overflowing(text.passes.prelogits, text.passes.change, most=most)
    ended = replace(found, texts=(replace(text, passes=passes),))
    near, far = ended.budgets(epsilons, "mean")
    assert near.plus == pytest.approx(found.budgets(0.1, "mean")[0].plus, rel=2 * ACCURACY)
    assert (far.plus, far.kinds[1]) == (None, "not reached")
    # the last of coefficients that grow by a fifth
    assert most / 1.2 <= far.limit <= most


@pytest.mark.parametrize(("epsilon", "name"), [(0.1, "p95"), (1.0, "last")])
def test_a_truth_of_something_else_is_refused(lm, epsilon, name):
    found = dose(lm, V, TEXT, site="prelogit")
    with pytest.raises(StabilityError, match=f"answers for last at 0.1 nats; received {name}"):
        found.budgets(epsilon, name, truth=found.truth(0.1, "last"))


# --- files and the report -------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "v.gguf"
    control_vector(path, {0: V.astype(np.float32), 1: 2 * V.astype(np.float32)})
    return path


def test_a_file_says_where_its_vectors_belong(lm, file):
    both = dose(lm, file, TEXT)
    assert list(both.vector.vectors) == ["block:0", "block:1"]
    one = dose(lm, str(file), TEXT, site="block:1")
    np.testing.assert_allclose(
        one.information[0], dose(lm, 2 * V, TEXT, site="block:1").information[0], rtol=1e-5
    )
    np.testing.assert_array_equal(dose(lm, f"{file}#1", TEXT).information[0], one.information[0])


def test_another_architecture_is_warned_of(model_of, file):
    assert any(
        "'llama', and this is 'gpt2'" in s for s in dose(model_of("gpt2"), file, TEXT).warnings
    )
    assert not any("and this is" in s for s in dose(model_of("llama"), file, TEXT).warnings)


def test_the_report_has_the_contracts_fields(lm, file):
    report = dose_report(dose(lm, file, PROMPTS, site="block:0", positions=[1, -1]), [0.1, 1.0])
    json.dumps(report, allow_nan=False)
    contract = ["model", "vector", "positions", "prompts", "budgets"]
    assert list(report) == [*contract, "limit", "divergence"]
    assert list(report["vector"]) == ["file", "format", "site", "mode", "norm"]
    assert report["vector"]["norm"] == pytest.approx(3.0, rel=1e-6)
    assert report["positions"] == [1, -1]
    assert [prompt["prompt"] for prompt in report["prompts"]] == PROMPTS
    tokens = report["prompts"][0]["tokens"]
    assert list(tokens[2]) == ["index", "id", "text", "information", "doses"]
    assert list(tokens[2]["doses"][0]) == ["epsilon", "predicted", "minus", "plus", "flip", "kind"]
    assert tokens[0]["doses"][0] == {
        "epsilon": 0.1,
        "predicted": None,
        "minus": None,
        "plus": None,
        "flip": {"minus": None, "plus": None},
        "kind": {
            "minus": "not reached",
            "plus": "not reached",
            "flip": {"minus": "not reached", "plus": "not reached"},
        },
    }
    assert [(row["epsilon"], row["statistic"]) for row in report["budgets"]] == [
        (epsilon, name) for epsilon in (0.1, 1.0) for name in ("last", "mean", "p95")
    ]
    budget = report["budgets"][0]
    numbers = ["epsilon", "statistic", "predicted", "minus", "plus"]
    assert list(budget) == [*numbers, "kind", "interval"]
    low, high = budget["interval"]["plus"]
    assert low <= budget["plus"] <= high


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda lm: dose(lm, V, TEXT), "needs a site; received an array"),
        (lambda lm: dose(lm, V, [], site="block:0"), "a prompt at least"),
        (lambda lm: dose(lm, V, TEXT, site="block:0").truth(0.0), "positive number of nats"),
        (
            lambda lm: dose(lm, V, TEXT, site="block:0").truth(1.0, "p99"),
            "must be one of last, mean",
        ),
        (lambda lm: dose(lm, V * 0, TEXT, site="block:0"), "must not be zero"),
    ],
)
def test_what_has_no_dose_is_refused(lm, call, words):
    with pytest.raises(StabilityError, match=words):
        call(lm)


# --- crossings ------------------------------------------------------------------------------------


@properties(100)
@given(
    st.floats(0.5, 4),
    st.floats(0.01, 3),
    st.floats(-0.5, 0.5),
    st.floats(1e-3, 10),
    st.integers(0, 9),
)
def test_a_found_crossing_is_as_near_as_it_says(power, scale, bend, level, shift):
    """Curves like those of divergences: power laws that bend."""

    def curve(c):
        return scale * c**power * np.exp(bend * np.tanh(np.log(c)))

    c = 1.2 ** (np.arange(-120, 120) + shift / 10)
    crossing = first_crossing(c, curve(c), level)
    if crossing is None:
        assert curve(c).max() < level
    else:
        assert crossing.low < crossing.coefficient <= crossing.high
        assert curve(crossing.low) < level <= curve(crossing.high)
        if crossing.is_found:
            exact = crossing.coefficient
            slope = (np.log(curve(exact * 1.001)) - np.log(curve(exact))) / np.log(1.001)
            assert abs(np.log(curve(exact) / level) / slope) <= 1e-3


def test_a_jump_is_found_by_its_bracket_alone():
    c = np.array([1.0, 1.2, 1.2005, 1.44])
    crossing = first_crossing(c, np.array([0.1, 0.1, 9.0, 9.0]), 1.0)
    assert crossing.is_found
    assert 1.2 <= crossing.coefficient <= 1.2005
    wide = first_crossing(c[[0, 1, 3]], np.array([0.1, 0.1, 9.0]), 1.0)
    assert not wide.is_found
    assert wide.low < wide.next < wide.high


def test_statistics_leave_the_first_token_and_lone_tokens_out():
    texts = [np.array([[9.0], [1.0], [3.0]]), np.array([[7.0]])]
    assert statistics.over_texts("mean", texts, [0, 0]).tolist() == [2.0]
    assert statistics.over_texts("last", texts, [0, 0]).tolist() == [5.0]
    assert statistics.over_texts("p95", texts, [0, 0]) == pytest.approx([2.9])
    assert np.isnan(statistics.over_texts("median", texts[1:], [0])).all()


@pytest.mark.parametrize(
    ("positions", "name"), [("last", "mean"), ("last", "median"), ("last", "p95"), ([3], "p95")]
)
def test_a_statistic_begins_where_something_is_changed(lm, name, positions):
    """Where the last token alone is changed, every statistic is that of the last."""
    found = dose(lm, V, TEXT, site="block:0", positions=positions)
    start = len(lm.tokenize(TEXT)) - 1 if positions == "last" else positions[0]
    with torch.no_grad():
        base = steered_logits(lm, TEXT, {0: V}, 0.0)
    over = {"mean": np.mean, "median": np.median, "p95": lambda kl: np.quantile(kl, 0.95)}[name]
    [budget] = found.budgets(0.1, name)
    for sign, c in ((-1, budget.minus), (1, budget.plus)):
        with torch.no_grad():
            changed = steered_logits(lm, TEXT, {0: V}, sign * c, positions=[start])
        kl = divergences(base, changed).numpy()
        # a thousandth of a coefficient, at a power of two or so
        assert over(kl[start:]) == pytest.approx(0.1, rel=1e-2)
    expected = information(lm, TEXT, {0: V}, positions=[start]).numpy()
    assert budget.predicted == pytest.approx(np.sqrt(0.2 / over(expected[start:])), rel=1e-4)
    by_layer = dose_map(lm, V, TEXT, positions).predicted(0.1, name)
    assert by_layer[0] == pytest.approx(budget.predicted, rel=1e-4)
