"""The price list against plain hooks in float64: where lines of logits cross, and what they cost."""

import numpy as np
import pytest
import torch
from support.models import WIDTH
from support.steering import TEXT, information, random_vector, slopes_of, steered_logits

import stability
from stability.errors import StabilityError
from stability.steering.doses.dose import dose
from stability.steering.doses.prices import index_in

V = random_vector(WIDTH, seed=1, length=3.0)


def lines(lm, block, position):
    """Logits and their slopes at a position, by differentiating the plain hooks twice."""
    c = torch.zeros((), dtype=torch.float64, requires_grad=True)
    logits = steered_logits(lm, TEXT, {block: V}, c)
    return logits[position].detach().numpy(), slopes_of(logits, c)[position].numpy()


@pytest.mark.parametrize("position", [-1, 2])
def test_a_token_is_bought_where_its_line_overtakes_the_most_likely_ones(lm, position):
    found = dose(lm, V, TEXT, site="block:0")
    z, a = lines(lm, 0, position)
    top, nats = int(z.argmax()), float(information(lm, TEXT, {0: V})[position])
    for sign, prices in zip((-1, 1), found.prices(position, n=6), strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            crossing = sign * (z[top] - z) / (a - a[top])
        crossing[~(sign * (a - a[top]) > 0)] = np.inf
        order = np.argsort(crossing)[: min(6, np.isfinite(crossing).sum())]
        assert [price.id for price in prices] == order.tolist()
        # differences of logits of float32
        np.testing.assert_allclose([p.coefficient for p in prices], crossing[order], rtol=1e-3)
        np.testing.assert_allclose(
            [p.nats for p in prices], 0.5 * nats * crossing[order] ** 2, rtol=3e-3
        )
        assert [price.text for price in prices] == [lm.text(int(token)) for token in order]


def test_at_the_readout_the_first_token_bought_is_the_one_that_takes_over(lm):
    """And where logits are capped, which changes no order."""
    found = dose(lm, V, TEXT, site="prelogit")
    truth = found.truth(1.0)
    for position, state in enumerate(lm.capture_all(TEXT)):
        flips = stability.ray(state, V).flips(1)
        for side, (prices, flip) in enumerate(zip(found.prices(position, 1), flips, strict=True)):
            length = np.linalg.norm(V)
            assert [price.id for price in prices] == [each.id for each in flip]
            assert [price.coefficient * length for price in prices] == pytest.approx(
                [each.distance for each in flip], rel=1e-4
            )
            expected = flip[0].id if flip and flip[0].distance <= truth.limit * length else -1
            assert truth.winners[0][side, position] == expected


def test_soft_capping_changes_no_price(model_of):
    lm = model_of("gemma2")
    assert lm.readout.softcap
    state = lm.capture(TEXT)
    for prices, flip in zip(
        dose(lm, V, TEXT, site="prelogit").prices(n=1),
        stability.ray(state.at_readout(), V).flips(1),
        strict=True,
    ):
        assert [price.id for price in prices] == [each.id for each in flip]


def test_the_winner_of_a_first_change_is_the_likeliest_token_just_beyond_it(lm):
    truth = dose(lm, V, TEXT, site="block:0").truth(0.1)
    with torch.no_grad():
        for side, sign in enumerate((-1, 1)):
            for position, c in enumerate(truth.flips[0][side]):
                winner = truth.winners[0][side, position]
                if not np.isfinite(c):
                    assert winner == -1
                    continue
                # a coefficient is known to a thousandth
                logits = steered_logits(lm, TEXT, {0: V}, sign * float(c) * 1.002)[position]
                assert winner == int(logits.argmax())


def test_where_nothing_changes_nothing_is_bought(lm):
    found = dose(lm, V, TEXT, site="block:0", positions=[3])
    assert found.prices(0) == ([], [])
    assert found.prices(2) == ([], [])
    assert all(found.prices(3))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n": 0}, "whole number of at least 1"),
        ({"position": 99}, "received 99"),
        ({"position": True}, "received True"),
        ({"text": 5}, "The index of a text .* between -1 and 0; received 5"),
    ],
)
def test_what_has_no_price_is_refused(lm, options, words):
    with pytest.raises(StabilityError, match=words):
        dose(lm, V, TEXT, site="block:0").prices(**options)


@pytest.mark.parametrize("index", [1.5, 0.0, "0", None, True])
def test_what_is_no_whole_number_is_no_index(index):
    with pytest.raises(StabilityError, match="A position must be a whole number between -3 and 2"):
        index_in("abc", index, "A position", "choose one")
    assert [index_in("abc", each, "", "") for each in (0, -1, np.int64(2))] == [0, 2, 2]
