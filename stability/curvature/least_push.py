"""The push of least divergence that makes a token win, where logits are linear: a convex problem.

Minimise `KL(δ) = log E_p[exp((w_i − μ)·δ)]` such that `z_b(δ) ≥ z_j(δ)` for every token `j`, by
Newton's method. The first step, from `H` itself, is the natural gradient where no third token comes
between.

Multipliers `λ ≥ 0` and the step `Δ` bound what is left from below. With `a_i = (w_i − E_q[w])·Δ ≥ −1`,
the distribution `q_i (1 + a_i)` has the mean row that the multipliers ask for, so by duality

    KL(any push that makes b win)  ≥  KL(δ) − Σ λ_j (z_b − z_j)(δ) − E_q[(1 + a) log(1 + a)].
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from stability.arguments import whole
from stability.curvature.direction import Direction, unit
from stability.curvature.direction_spec import NAMES
from stability.curvature.natural_gradient import natural_gradient
from stability.curvature.newton_step import Metric, Point
from stability.curvature.newton_step import metric as metric_of
from stability.curvature.reachability import LOST, lead_missing, not_found, require_rival
from stability.prediction.pooling import pooled_divergence
from stability.prediction.premise import require_linear
from stability.prediction.state import State
from stability.text import spelled

TOLERANCE = 1e-6  # of the divergence, that may be left to gain
MOST_STEPS = 40
LEAD = (
    1e-6  # of the lead that is missing: by so much the token wins, so that it does at a corner, too
)
EPS = torch.finfo(torch.float64).eps
LEVEL = 1e-8  # nats: a lead below which the first step is exact


@dataclass(frozen=True, eq=False)
class LeastPush:
    """The push `δ` (d,), after which the token leads; and what is certain of the least divergence.

    `bound` is what no push at the readout does it for less than, in nats, less what rounding may take
    from the divergence of this one; `square` is `gᵀH⁻¹g` of the natural gradient.
    """

    delta: Float[Tensor, " d"]
    bound: float
    square: float


def least_push(
    state: State, token: int, metric: Metric | None = None, tolerance: float = TOLERANCE
) -> LeastPush:
    """The cheapest push that makes a token win, and a lower bound of what any push costs.

    Args:
        state: at `prelogit`, without soft-capping.
        token: the id of the token that is to win.
        metric: that of the state, where it is made once for several tokens.
        tolerance: the part of the divergence that may be left to gain.

    Returns:
        The push, at which the token leads by `LEAD` of what was missing, or by what rounding may hide.

    Raises:
        not_found: no push makes the token win, or none is found. Another StabilityError where it does
            already, or the logits are not linear.
    """
    require_linear(state)
    require_rival(state, token)
    missing = lead_missing(state, token)
    lead = max(LEAD * missing, state.logit_rounding, LEVEL)
    here = Point(state, token, lead, metric or metric_of(state), torch.zeros_like(state.probs))
    step = here.step([state.argmax], torch.zeros_like(here.shift[:1]))
    delta, square = step.move, step.square
    pooled = pooled_divergence(state.log_probs, token)
    if missing < LEVEL:
        there = replace(here, shift=step.shift)
        return LeastPush(delta, _lowered(pooled, there, delta), square)
    for _ in range(MOST_STEPS):
        here = replace(here, shift=here.shift + step.shift)
        step = here.step(*step.active)
        kl = here.kl(0 * step.shift)
        length = here.length(step)
        if here.left(step, lead) <= tolerance * kl or not length:
            break
        step = replace(step, move=length * step.move, shift=length * step.shift)
        delta = delta + step.move
    if here.moved.argmax != token:
        raise not_found(state, token, LOST)
    bound = max(pooled, kl - here.left(step, 0.0))
    return LeastPush(delta, _lowered(bound, here, delta), square)


def _lowered(bound: float, there: Point, delta: Float[Tensor, " d"]) -> float:
    """A bound, less what rounding may move it and the divergence of the push by."""
    state = there.state
    # dKL = Σ (q_i − p_i) dz_i: logits that are off by `r` move either by no more than r Σ|q_i − p_i|
    moved = float((there.moved.probs - state.probs).abs().sum())
    largest = float(there.moved.uncapped_logits.abs().max())
    off = state.readout.rounding * float(delta.norm()) + EPS * largest
    return max(bound - 2 * off * moved, 0.0)


def cheapest(state: State, token: int) -> Direction:
    """The direction of the least push; the natural gradient where logits are not linear."""
    token = whole(token, "A token id", least=0)
    if state.is_linear:
        name, vector = f"{NAMES['cheapest']} to", least_push(state, token).delta
    else:
        name, vector = "natural gradient towards", natural_gradient(state, token).vector
    label = f"{name} {spelled(state.text(token))}"
    return Direction("cheapest", label, unit(vector, state.width))
