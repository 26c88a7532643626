"""The cheapest push that makes a token win, beside the plain one.

At the readout it is the solution of a convex problem. Below, it is the push that leads to that solution
as nearly as the network lets itself be led, and the divergence is that at the true crossing along it.
What no push at any site, up to ten times as long, can do it for less than is certain: so is the gap.
"""

import math
from collections.abc import Callable, Iterable, Sequence

from numpy import ndarray
from torch import Tensor

from stability.arguments import whole
from stability.curvature.least_push import TOLERANCE
from stability.curvature.metric import metric as metric_of
from stability.curvature.reachability import UnreachableError, require_rival
from stability.errors import StabilityError, StoppedError
from stability.geometry.push_to_token import Push, push_to
from stability.prediction.pooling import pooled_divergence
from stability.prediction.state import State


def cheapest_push(state: State, target: int | Iterable[int] | Tensor | ndarray) -> Push:
    """The push that makes a token, or any of several, the most likely for the least `KL(p‖q)`.

    Args:
        state: a captured vector, at any site.
        target: the id of the token; or several, of which the cheapest is found, each by a problem of
            its own: of those that are solved.

    Returns:
        At `prelogit` the solution of the convex problem, to a millionth. Below, what a search in the
        network finds that leads there: how far it may be from the least is its `gap`. With
        soft-capping a push that no small change makes cheaper.

    Raises:
        StabilityError: a token is the most likely already, or no push makes any of them win.

    >>> import numpy as np, stability
    >>> state = stability.bare_state(np.eye(3), np.array([2.0, 1.0, 0.0]))
    >>> push = stability.cheapest_push(state, 2)
    >>> round(push.nats, 3), round(push.plain_nats, 3), round(push.times_cheaper, 2)
    (0.248, 0.266, 1.08)
    """
    [push], _ = cheapest_to(state, target)
    return push


def cheapest_to(
    state: State, target: int | Iterable[int] | Tensor | ndarray
) -> tuple[tuple[Push, ...], float]:
    """`cheapest_push`, and what the targets cost at least that were not solved for, in nats."""
    # an array of no axes, or a tensor, is one id
    given = target.tolist() if isinstance(target, Tensor | ndarray) else target
    listed = given if isinstance(given, Iterable) else [given]
    tokens = [*dict.fromkeys(whole(token, "A token id", least=0) for token in listed)]
    if not tokens:
        raise StabilityError("A push needs a target; received no tokens: give the id of one.")
    for token in tokens:
        require_rival(state, token)
    tokens.sort(key=lambda token: -float(state.log_probs[token]))
    return cheapest_of(state, tokens, 1, len(tokens), TOLERANCE)


def cheapest_of(
    state: State,
    tokens: Sequence[int],
    n: int,
    most: int,
    tolerance: float,
    progress: Callable[[int], None] = lambda tried: None,
) -> tuple[tuple[Push, ...], float]:
    """The `n` cheapest of some tokens, the likeliest first, of which at most so many are tried.

    `progress` is called with the number that has been tried; what it raises ends the work.

    Returns:
        Their pushes, and what the tokens cost at least that were not tried, or not solved for: the
        divergence of the pooled prediction, which never grows with a token's probability.

    Raises:
        last: no push makes any of them win.
        StoppedError: the work was stopped meanwhile.
    """
    metric = metric_of(state.at_readout())
    found: list[Push] = []
    others = math.inf
    last: StabilityError | None = None
    for tried, token in enumerate(tokens):
        least = pooled_divergence(state.log_probs, token)
        costs = sorted(_cost(push) for push in found)
        if tried == most or (len(costs) >= n and costs[n - 1] <= least):
            others = min(others, least)
            break
        progress(tried)
        try:
            found.append(push_to(state, token, metric, tolerance))
        except StoppedError:
            raise
        except UnreachableError as error:
            last = error
        except StabilityError as error:
            last, others = error, min(others, least)
    if not found and last:
        raise last
    return tuple(sorted(found, key=_cost)[:n]), others


def _cost(push: Push) -> float:
    return math.inf if push.nats is None else push.nats
