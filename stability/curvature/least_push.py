"""The push of least divergence that makes a token win: at the readout a convex problem.

Minimise `KL(δ) = log E_p[exp((w_i − μ)·δ)]` such that `z_b(δ) ≥ z_j(δ)` for every token `j`, by
Newton's method. The first step, from `H` itself, is the natural gradient where no third token comes
between.

Multipliers `λ ≥ 0` and the step `Δ` bound what is left from below. With `a_i = (w_i − E_q[w])·Δ ≥ −1`,
the distribution `q_i (1 + a_i)` has the mean row that the multipliers ask for, so by duality

    KL(any push that makes b win)  ≥  KL(δ) − Σ λ_j (z_b − z_j)(δ) − E_q[(1 + a) log(1 + a)].

What damping and rounding leave of the step's equation is taken off for pushes up to ten times as long.
The bound holds of pushes at every site, as each gives the readout some vector. Below, the push is
looked for that leads to the readout's own (`push_below`). With soft-capping the steps end at a push
that no small change makes cheaper, and only the divergence of the pooled prediction is certain.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from stability.arguments import whole
from stability.curvature.direction import Direction, unit
from stability.curvature.direction_spec import NAMES
from stability.curvature.metric import Metric
from stability.curvature.metric import metric as metric_of
from stability.curvature.newton_step import Point
from stability.curvature.push_below import push_below
from stability.curvature.reachability import LOST, lead_missing, not_found, require_rival
from stability.prediction.pooling import pooled_divergence
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

    The push at the readout costs `nats`, and `square` is `gᵀH⁻¹g` of the token's lead, whose gradient
    is `g`. Below, `δ` is the push that was found to lead there. No push at any site that moves the
    readout's vector at most ten times as far does it for less than `bound`, which is less what rounding
    may take from the divergence of this one.
    """

    delta: Float[Tensor, " d"]
    nats: float
    bound: float
    square: float


def least_push(
    state: State, token: int, metric: Metric | None = None, tolerance: float = TOLERANCE
) -> LeastPush:
    """The cheapest push that makes a token win, and a lower bound of what any push costs.

    Args:
        state: a captured vector, at any site.
        token: the id of the token that is to win.
        metric: that of the state at the readout, where it is made once for several tokens.
        tolerance: the part of the divergence that may be left to gain there.

    Returns:
        The push, at which the token leads by `LEAD` of what was missing, or by what rounding may hide;
        below the readout, as nearly as the network lets itself be led there.

    Raises:
        not_found: no push makes the token win, or none is found. Another StabilityError where it does
            already.
    """
    require_rival(state, token)
    least = _at_readout(state.at_readout(), token, metric, tolerance)
    if state.is_at_readout:
        return least
    return replace(least, delta=push_below(state, least.delta, least.nats))


def _at_readout(state: State, token: int, metric: Metric | None, tolerance: float) -> LeastPush:
    """The same at the readout, by Newton's method."""
    missing = lead_missing(state, token)
    lead = max(LEAD * missing, state.logit_rounding, LEVEL)
    here = Point(state, token, lead, metric or metric_of(state), torch.zeros_like(state.probs))
    step = here.step([state.argmax], torch.zeros_like(here.shift[:1]))
    delta, square = step.move, step.square
    pooled = pooled_divergence(state.log_probs, token)
    if missing < LEVEL:
        there = replace(here, shift=step.shift)
        return LeastPush(delta, here.kl(step.shift), _lowered(pooled, there, delta), square)
    for _ in range(MOST_STEPS):
        here = replace(here, shift=here.shift + step.shift)
        step = here.step(*step.active)
        kl = here.kl(0 * step.shift)
        length = here.length(step)
        if here.left(step, lead, delta) <= tolerance * kl or not length:
            break
        step = replace(step, move=length * step.move, shift=length * step.shift)
        delta = delta + step.move
    if here.moved.argmax != token:
        raise not_found(state, token, LOST)
    bound = max(pooled, kl - here.left(step, 0.0, delta)) if state.is_linear else pooled
    return LeastPush(delta, kl, _lowered(bound, here, delta), square)


def _lowered(bound: float, there: Point, delta: Float[Tensor, " d"]) -> float:
    """A bound, less what rounding may move it and the divergence of the push by."""
    state = there.state
    # dKL = Σ (q_i − p_i) dz_i: logits that are off by `r` move either by no more than r Σ|q_i − p_i|
    moved = float((there.moved.probs - state.probs).abs().sum())
    largest = float(there.moved.uncapped_logits.abs().max())
    off = state.readout.rounding * float(delta.norm()) + EPS * largest
    return max(bound - 2 * off * moved, 0.0)


def cheapest(state: State, token: int) -> Direction:
    """The direction of the least push."""
    token = whole(token, "A token id", least=0)
    label = f"{NAMES['cheapest']} to {spelled(state.text(token))}"
    return Direction("cheapest", label, unit(least_push(state, token).delta, state.width))
