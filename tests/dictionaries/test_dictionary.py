"""Every row of a dictionary against its own ray, autograd of the definition, and the whole model."""

import numpy as np
import pytest
import torch
from support.models import (
    FAMILIES,
    PROMPT,
    divergence_hessian,
    in_float64,
    save_model,
)
from support.states import (
    divergence_hessian as hessian_of,
)
from support.states import (
    make_state,
    nearly_one_hot,
    nonlinear_state,
    random_state,
    true_kl,
    underflowing_state,
    with_logits,
)

import stability
from stability.dictionaries import measure, slopes
from stability.errors import StabilityError, StoppedError
from stability.geometry.ray import rays

EPSILON = 0.1
STATES = {
    "plain": lambda: random_state(0),
    "scale and bias": lambda: random_state(1, bias=True, scale=0.3),
    "float32": lambda: random_state(2, V=300, d=16, dtype=torch.float32),
    "capped": lambda: random_state(3, gain=3.0, softcap=2.0),
    "certain": nearly_one_hot,
    "underflowing": underflowing_state,
    "below": lambda: nonlinear_state(4),
    "below, capped": lambda: nonlinear_state(5, softcap=2.0),
    "two tokens": lambda: random_state(6, V=2, d=3),
}


def rows_for(state, n=9, seed=0):
    return 3 * np.random.default_rng(seed).standard_normal((n, state.width))


@pytest.fixture(autouse=True)
def small_parts(monkeypatch):
    """Parts so small that every test joins several, of tokens and of rows."""
    monkeypatch.setattr(slopes, "TOKENS_AT_ONCE", 7)
    monkeypatch.setattr(measure, "ROWS_AT_ONCE", 4)


@pytest.fixture(params=STATES.values(), ids=STATES)
def state(request):
    return request.param()


def tolerance(state):
    """Relative, of what sums over tokens: 2^-24 a product, some of them, in float32; else float64."""
    return 1e-5 if state.readout.W_U.dtype == torch.float32 else 1e-10


def test_the_curvature_of_every_row_is_that_of_autograds_hessian(state):
    rows = rows_for(state)
    found = stability.dictionary(state, rows)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    H = hessian_of(state).numpy()
    expected = ((unit @ H) * unit).sum(axis=1)
    if state.probs.max() < 1 - 1e-3 and state.probs.min() > 0:
        assert found.curvature == pytest.approx(expected, rel=tolerance(state))
    # where autograd's own sum cancels, that of a ray does not
    each = [line.curvature for line in rays(state, rows)]
    assert found.curvature == pytest.approx(each, rel=tolerance(state))
    assert found.norms == pytest.approx(np.linalg.norm(rows, axis=1), rel=1e-12)


def test_radii_and_their_order_are_those_of_the_rays(state):
    rows = rows_for(state)
    found = stability.dictionary(state, rows)
    each = np.array([line.predicted_radius(EPSILON) for line in rays(state, rows)])
    assert found.radii(EPSILON) == pytest.approx(each, rel=tolerance(state))
    assert found.order.tolist() == np.argsort(each).tolist()
    ranked = found.ranked(EPSILON, 5)
    assert [row.index for row in ranked] == np.argsort(each)[:5].tolist()
    for row in ranked:
        assert row.radius == pytest.approx(each[row.index], rel=tolerance(state))
        assert row.coefficient * row.norm == pytest.approx(row.radius)


def test_the_tokens_of_every_row_are_those_of_its_ray(state):
    rows = rows_for(state)
    found = stability.dictionary(state, rows)
    for row in found.ranked(EPSILON, len(rows)):
        line = stability.ray(state, rows[row.index])
        for side, expected in zip(row.pushed, line.pushed(slopes.KEPT), strict=True):
            gains = [push for push in expected if abs(push.rate) > 0]
            assert [push.id for push in side] == [push.id for push in gains][: len(side)]
            rates = [abs(push.rate) for push in gains][: len(side)]
            assert [push.rate for push in side] == pytest.approx(rates, rel=tolerance(state))
        for sign, side in zip((-1, 1), row.steepest, strict=True):
            order = np.argsort(-sign * line.slopes, kind="stable")[: len(side)]
            assert [push.id for push in side] == order.tolist()
            assert [push.rate for push in side] == pytest.approx(
                (sign * line.slopes)[order], rel=tolerance(state), abs=1e-12
            )


def test_first_changes_at_the_readout_are_those_of_the_ray(state):
    rows = rows_for(state)
    for row in stability.dictionary(state, rows).ranked(EPSILON, len(rows)):
        if not state.is_at_readout:
            # not looked for, which is not the same as not there
            assert row.flips is row.report()["flips"] is None
            continue
        for flip, expected in zip(
            row.flips, stability.ray(state, rows[row.index]).flips(1), strict=True
        ):
            assert (flip is None) == (expected == [])
            if flip:
                assert (flip.id, flip.text) == (expected[0].id, expected[0].text)
                assert flip.distance == pytest.approx(expected[0].distance, rel=tolerance(state))


def test_brackets_hold_the_boundary_and_are_hardly_wider_than_those_of_the_ray(state):
    rows = rows_for(state)
    found = stability.dictionary(state, rows)
    if not state.is_linear:
        assert found.certificates(EPSILON, range(len(rows))) is None
        assert found.ranked(EPSILON)[0].certified is None
        assert "nothing is certified" in found.certainty
        return
    brackets = found.certificates(EPSILON, range(len(rows)))
    for line, bracket in zip(rays(state, rows), brackets, strict=True):
        inner, outer = line.certificates(np.array([EPSILON]))[..., 0].T
        met = line.boundaries(np.array([EPSILON]))[:, 0]
        assert (bracket[:, 0] <= met).all()
        assert (met <= bracket[:, 1]).all()
        # the inner end is of the variance and the ends alone; the outer one looks at fewer tokens
        assert bracket[:, 0] == pytest.approx(inner, rel=tolerance(state))
        assert (bracket[:, 1] >= outer * (1 - tolerance(state))).all()


def test_the_truth_of_listed_rows_is_where_the_divergence_is_epsilon(state):
    rows = rows_for(state, 3)
    found = stability.dictionary(state, rows)
    for row in found.with_truth(found.ranked(EPSILON)):
        direction = found.row(row.index).vector
        line = stability.ray(state, direction)
        for sign, t, kind in zip((-1, 1), row.boundary, row.kinds, strict=True):
            assert (t is None) == (kind != "reached")
            if t is not None and state.probs.min() > 0:
                # crossings below the readout are held to 1e-4 of their distance
                assert float(true_kl(state, sign * t * direction)) == pytest.approx(
                    EPSILON, rel=3e-4
                )
        expected = [side[0].id if side else None for side in line.flips(1)]
        assert [flip and flip.id for flip in row.flips] == expected


def test_rows_of_several_budgets_are_not_followed_at_that_of_the_first():
    found = stability.dictionary(random_state(0), rows_for(random_state(0)))
    with pytest.raises(StabilityError, match=r"one epsilon .* rows of 0\.01 to 0\.1 nats"):
        found.with_truth([*found.ranked(0.1, 2), *found.ranked(0.01, 2)])


def test_a_row_of_zeros_is_kept_last_and_points_nowhere():
    state = random_state(0)
    rows = rows_for(state, 5)
    rows[1] = 0
    found = stability.dictionary(state, rows)
    assert found.order[-1] == 1
    assert found.norms[1] == found.curvature[1] == 0
    last = found.with_truth(found.ranked(EPSILON))[-1]
    assert (last.radius, last.coefficient, last.certified, last.boundary) == (None,) * 4
    assert last.pushed == last.steepest == ((), ())
    assert found.warnings == ("1 of its 5 rows are zero, and point nowhere.",)
    with pytest.raises(StabilityError, match="must not be zero"):
        found.row(1)
    assert last.report()["radius"] is None


@pytest.mark.parametrize("length", [1e-160, 1e140])
def test_the_length_of_a_row_changes_its_coefficient_and_nothing_else(length):
    state = random_state(0)
    rows = rows_for(state)
    plain, scaled = (stability.dictionary(state, size * rows) for size in (1, length))
    assert scaled.curvature == pytest.approx(plain.curvature, rel=1e-12)
    assert scaled.norms == pytest.approx(length * plain.norms, rel=1e-12)


def test_tokens_that_tie_with_the_likeliest_take_over_at_once():
    state = with_logits(np.array([[0.0], [1.0], [-1.0], [2.0]]), [1.0, 1.0, 0.0, 0.0])
    [row] = stability.dictionary(state, np.array([[1.0]])).ranked(EPSILON)
    assert (row.flips[1].id, row.flips[1].distance) == (1, pytest.approx(0.0, abs=1e-30))
    assert (row.flips[0].id, row.flips[0].distance) == (2, pytest.approx(1.0))


def test_a_token_with_the_row_of_the_likeliest_never_takes_over():
    """Equal rows lead by nothing, whatever the order of a sum makes of their products."""
    plain = random_state(2, V=300, d=48, dtype=torch.float32)
    W_U, top = plain.readout.W_U.clone(), plain.argmax
    W_U[[(top + 17) % 300, (top + 101) % 300]] = W_U[top].clone()
    state = make_state(W_U, plain.vector)
    rows = rows_for(state, 80)
    assert_first_changes(stability.dictionary(state, rows), rows)


def assert_first_changes(found, rows):
    """Every row's are those of the definition."""
    for row in found.ranked(EPSILON, len(rows)):
        for sign, flip in zip((-1, 1), row.flips, strict=True):
            distance, token = first_change(found.state, sign * rows[row.index])
            assert (flip is None) == (distance == np.inf)
            if flip:
                assert (flip.id, flip.distance) == (token, pytest.approx(distance, rel=1e-9))


def first_change(state, row):
    """Distance and token of the first change of the argmax, from rows in float64."""
    W_U, unit = state.readout.W_U.double().numpy(), row / np.linalg.norm(row)
    leads = (W_U - W_U[state.argmax]) @ unit
    gaps = state.uncapped_logits.numpy()[state.argmax] - state.uncapped_logits.numpy()
    distances = np.divide(gaps, leads, out=np.full(len(leads), np.inf), where=leads > 0)
    return distances.min(), int(distances.argmin())


@pytest.mark.parametrize("offset", [30.0, 1000.0])
def test_what_all_rows_have_in_common_costs_no_digits(offset):
    """Rows of float32 about a common one: all that counts is their differences."""
    draw = np.random.default_rng(4)
    centre = offset * draw.standard_normal(32)
    W_U = torch.from_numpy(centre + draw.standard_normal((200, 32))).float()
    # at right angles to what is common, logits keep their digits
    vector = draw.standard_normal(32)
    vector -= centre * (vector @ centre) / (centre @ centre)
    state, rows = make_state(W_U, torch.from_numpy(vector)), draw.standard_normal((40, 32))
    found = stability.dictionary(state, rows)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    slopes = unit @ (W_U.double() - W_U[state.argmax].double()).numpy().T
    p = state.probs.numpy()
    variance = (slopes - (slopes @ p)[:, None]) ** 2 @ p
    # some 2^-24 of a product of differences
    assert found.curvature == pytest.approx(variance, rel=2e-5)
    assert_first_changes(found, rows)


def test_a_flat_direction_and_a_vocabulary_of_one_have_no_radius():
    flat = make_state(torch.tensor([[1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64))
    found = stability.dictionary(flat, np.array([[0.0, 1.0], [1.0, 0.0]]))
    assert found.order.tolist() == [1, 0]
    assert [row.radius is None for row in found.with_truth(found.ranked(EPSILON))] == [False, True]
    only = make_state(torch.ones(1, 2, dtype=torch.float64))
    [row] = stability.dictionary(only, np.array([[1.0, 0.0]])).ranked(EPSILON)
    assert (row.radius, row.flips) == (None, (None, None))


def test_rows_are_found_by_index_and_by_the_tokens_that_they_push_hardest():
    state = random_state(0)
    rows = rows_for(state)
    found = stability.dictionary(state, rows)
    lines = rays(state, rows)

    def kept(line):
        side = np.argsort(line.slopes)
        pushes = [push.id for part in line.pushed(slopes.KEPT) for push in part]
        return {*pushes, *side[: slopes.KEPT], *side[-slopes.KEPT :]}

    token = lines[0].pushed(1)[1][0].id
    having = [i for i, line in enumerate(lines) if token in kept(line)]
    expected = sorted(having, key=lambda i: -abs(lines[i].slopes[token]))
    assert 0 < len(expected) < len(rows)
    assert found.search(f"<{token}>").tolist() == expected
    assert found.search("4")[0] == 4
    assert found.search("no such token").tolist() == []
    assert found.search("9" * 5000).tolist() == []
    assert [row.index for row in found.ranked(EPSILON, 20, found.search(f"<{token}>"))] == expected


def test_what_progress_raises_ends_the_work():
    said = []

    def stop(fraction):
        said.append(fraction)
        if fraction > 0.5:
            raise StoppedError("It was stopped: start it again.")

    with pytest.raises(StoppedError):
        stability.dictionary(nonlinear_state(0), rows_for(nonlinear_state(0)), stop)
    assert said == sorted(said)
    found = stability.dictionary(random_state(0), rows_for(random_state(0)))
    with pytest.raises(StoppedError):
        found.with_truth(found.ranked(EPSILON), lambda fraction: stop(1.0))


# --- whole models ---------------------------------------------------------------------------------


PLACES = [
    ("llama", "block:0"),
    ("opt_projected", "block:1"),
    ("gemma2", "prelogit"),
    ("cohere", "prelogit"),
]


@pytest.mark.parametrize(("family", "site"), PLACES)
def test_at_a_models_sites_the_curvature_is_that_of_the_whole_model(family, site, tmp_path):
    """A plain hook, float64, and the Hessian of the divergence by autograd."""
    tiny = stability.load(str(save_model(tmp_path / family, FAMILIES[family]())))
    state = tiny.capture(PROMPT, site=site)
    n = 2 * state.readout.width  # more rows than the Jacobian has, so that it is made whole
    rows = rows_for(state, n).astype(np.float32)
    found = stability.dictionary(state, rows)
    ids = torch.tensor([token.id for token in state.tokens])
    H = divergence_hessian(in_float64(tiny.model), ids, state.position, site, state.width).numpy()
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    expected = ((unit @ H) * unit).sum(axis=1)
    # float32 networks err by some 1e-6 of the largest slope, here of the largest curvature
    assert found.curvature == pytest.approx(expected, rel=1e-3, abs=1e-5 * expected.max())


BAD = {
    "width": (np.ones((3, 7)), "as many components as the state, 6 at prelogit of tiny"),
    "turned over": (np.ones((6, 7)), "its columns have, so turn it over"),
    "vector": (np.ones(6), r"direction in each row; the array of 'array' has the shape \[6\]"),
    "nan": (np.array([[1.0] * 6, [np.nan] * 6]), "row 1 of 'array' has some that are NaN"),
    "text": ([["a"] * 6], "must be real numbers"),
    "complex": (np.ones((2, 6), complex), "must be real numbers"),
    "empty": (np.ones((0, 6)), r"has the shape \[0, 6\]"),
}


@pytest.mark.parametrize(("rows", "words"), BAD.values(), ids=BAD)
def test_other_arrays_are_refused_in_one_sentence(rows, words):
    with pytest.raises(StabilityError, match=words) as caught:
        stability.dictionary(random_state(0), rows)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("rows", [[-1], [9]])
def test_rows_that_are_none_are_refused(rows):
    found = stability.dictionary(random_state(0), rows_for(random_state(0)))
    for ask in (
        lambda: found.ranked(EPSILON, 3, rows),
        lambda: found.certificates(EPSILON, rows),
        lambda: found.row(rows[0]),
    ):
        with pytest.raises(StabilityError, match="Rows must be whole numbers from 0 to 8"):
            ask()


def test_a_tensor_of_half_precision_is_read_as_it_is():
    state = random_state(0)
    rows = torch.from_numpy(rows_for(state)).bfloat16()
    half, full = (stability.dictionary(state, part) for part in (rows, rows.double().numpy()))
    assert half.curvature.tolist() == full.curvature.tolist()
