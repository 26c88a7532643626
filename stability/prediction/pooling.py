"""The least divergence at which a token can be the most likely, whatever changes the prediction.

Of all distributions `q` in which no token is likelier than `b`, the nearest to `p` pools `b` with the
likeliest tokens: they share their probability equally, and the others keep theirs. No push at any site
of any network does it for less.
"""

import numpy as np
from jaxtyping import Float
from torch import Tensor

from stability import numerics

MOST = 700.0  # nats; the exponential of more overflows


def pooled_divergence(log_p: Float[Tensor, " V"], token: int) -> float:
    """`min KL(p‖q)` over all `q` in which no token is likelier than this one, in nats.

    Args:
        log_p: of the prediction.
        token: an id.

    Returns:
        What it costs to pool the token with the likeliest, one after the other, while they are above
        the mean of the pool: never more for a likelier token.

    >>> import torch
    >>> round(pooled_divergence(torch.tensor([0.6, 0.3, 0.1]).log(), 2), 3)
    0.198
    """
    values = log_p.double().cpu().numpy()
    above = np.sort(values[values > values[token]])[::-1]
    sums = np.exp(values[token]) + np.cumsum(np.exp(above))
    levels = sums / np.arange(2, len(above) + 2)
    joins = np.exp(above[1:]) > levels[:-1]
    size = int(np.argmin([*joins, False])) + 1
    if not above.size:
        return 0.0
    level, pool = levels[size - 1], np.array([values[token], *above[:size]])
    # as Σ p_i (level/p_i − 1) = 0, the sum of p log(p/level) is one of positive terms
    rise = np.log(level) - pool
    excess = numerics.exp_minus_tangent(np.minimum(rise, MOST))
    return float(np.where(rise > MOST, level, np.exp(pool) * excess).sum())
