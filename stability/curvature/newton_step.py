"""One step of Newton's method towards the cheapest push: a quadratic programme in the metric of `H_q`.

Minimise `∇KL·Δ + ½ ΔᵀH_qΔ` such that `z_b(δ + Δ) ≥ z_j(δ + Δ)` for every token `j`. The tokens that
stay level with `b`, the active set, are found among all of them; `H_q⁻¹` is applied by conjugate
gradients on exact products, preconditioned by the whole `H` of the start.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray
from torch import Tensor

from stability.curvature import fisher
from stability.curvature.conjugate_gradients import conjugate_gradients
from stability.curvature.metric import Metric
from stability.curvature.reachability import CROWDED, LOST, SURROUNDED, not_found
from stability.prediction import distribution
from stability.prediction.state import State

LEAST_LENGTH = 1e-3  # of a step, when it is halved
DESCENT = 0.1  # of what a step promises, that it must keep
INNER_TOLERANCE, MOST_PRODUCTS = 1e-6, 200  # of conjugate gradients
ADDED, MOST_LEVEL = 4, 64  # tokens in the active set: how many join at a time, and at most
RIDGE = 1e-12  # of a matrix of constraints with ones on its diagonal, at least
REACH = 10  # times as long as the push that is found: of pushes that the bound holds for
UNBOUNDED = 1e-2  # of the constraints: what multipliers of a possible push do not leave unmet


@dataclass(frozen=True, eq=False)
class Step:
    """A solved quadratic programme: the move, its shift of all logits, the active set, multipliers.

    `defect` is the length of what damping and conjugate gradients leave of its equation,
    `H_qΔ = Σ λ_j (w_b − w_j) − ∇KL`.
    """

    move: Float[Tensor, " d"]
    shift: Float[Tensor, " V"]
    level: list[int]
    multipliers: Float[Tensor, " m"]
    square: float
    defect: float

    @property
    def active(self) -> tuple[list[int], Float[Tensor, " m"]]:
        """The tokens whose constraints bind, with their multipliers."""
        binding = (self.multipliers > 0).nonzero()[:, 0]
        return [self.level[i] for i in binding.tolist()], self.multipliers[binding]


@dataclass(frozen=True, eq=False)
class Point:
    """The prediction after a push, whose `shift` of the logits is known."""

    state: State
    token: int
    lead: float
    metric: Metric = field(repr=False)
    shift: Float[Tensor, " V"] = field(repr=False)

    @cached_property
    def moved(self) -> State:
        """The state there, whose products with `H_q` are asked for."""
        return self.state.with_logits(self.state.uncapped_logits + self.shift)

    def kl(self, shift: Float[Tensor, " V"]) -> float:
        """`KL(p‖q)` after a further shift of the logits before any soft-capping."""
        state, moved = self.state, (self.shift + shift)[None]
        capped = state.readout.capped_shift(state.uncapped_logits, moved)
        return float(distribution.divergence(state.log_probs, capped)[1])

    @cached_property
    def gradient(self) -> Float[Tensor, " d"]:
        """That of `KL`: `E_q[w] − μ`, or the same of the rows that soft-capping slows here."""
        return self.moved.pull_back((self.moved.probs - self.state.probs)[:, None])[:, 0]

    def slack(self, level: Sequence[int]) -> Float[Tensor, " m"]:
        """`z_b − z_j` of some tokens, before any soft-capping, which keeps the order."""
        logits = self.moved.uncapped_logits
        return logits[self.token] - logits[[*level]]

    def rows(self, level: Sequence[int]) -> Float[Tensor, "d m"]:
        """`w_b − w_j` of some tokens, as columns."""
        readout = self.state.readout
        rows = readout.W_U[self.token].double() - readout.W_U[[*level]].double()
        return readout.scale * rows.T

    def solve(self, targets: Float[Tensor, "d k"]) -> Float[Tensor, "d k"]:
        """`(H_q + αI)⁻¹` times columns."""

        def products(columns: Float[Tensor, "d k"]) -> Float[Tensor, "d k"]:
            return fisher.hvp(self.moved, columns) + self.metric.damping * columns

        return conjugate_gradients(
            products, targets, INNER_TOLERANCE, MOST_PRODUCTS, self.metric.solve
        )

    def step(self, level: list[int], before: Float[Tensor, " m"]) -> Step:
        """Newton's step, with every token that it would leave ahead of `b` added to the active set."""
        # from the multipliers that the step before left: what is solved for vanishes at the end
        rows = self.rows(level)
        start = self.solve((self.gradient - rows @ before)[:, None])[:, 0]
        solved = self.solve(rows)
        down = start + solved @ before
        while True:
            unmet = self.slack(level) - self.lead - rows.T @ down
            try:
                multipliers = _multipliers(rows.T @ solved, unmet)
            except ArithmeticError:
                raise not_found(self.state, self.token, LOST) from None
            if multipliers is None or len(level) > MOST_LEVEL:
                reason = CROWDED if multipliers is not None else SURROUNDED
                raise not_found(self.state, self.token, reason)
            move = solved @ multipliers - down
            shift = self.state.readout.slopes(move[:, None])[:, 0]
            logits = self.moved.uncapped_logits + shift
            ahead = logits - logits[self.token] + self.lead
            ahead[[*level, self.token]] = -1.0
            worst = ahead.topk(min(ADDED, len(ahead)))
            new = worst.indices[worst.values > 0.5 * self.lead].tolist()
            if not new:
                square = float(rows[:, 0] @ solved[:, 0])
                image = fisher.hvp(self.moved, move[:, None])[:, 0]
                defect = float((rows @ multipliers - self.gradient - image).norm())
                return Step(move, shift, level, multipliers, square, defect)
            level, more = [*level, *new], self.rows(new)
            rows, solved = torch.cat([rows, more], 1), torch.cat([solved, self.solve(more)], 1)

    def length(self, step: Step) -> float:
        """How much of a step keeps part of what it promises: all of it, half, a quarter, …, or none."""
        start, slope, length = self.kl(0 * step.shift), float(self.gradient @ step.move), 1.0
        while length >= LEAST_LENGTH:
            if self.kl(length * step.shift) < start + DESCENT * length * slope:
                return length
            length /= 2
        return 0.0

    def left(self, step: Step, lead: float, push: Float[Tensor, " d"]) -> float:
        """What the divergence may exceed the least one by, in nats; infinite where nothing is sure.

        By the step's defect pushes gain that are up to `REACH` times as long as this one. With
        soft-capping the problem is not convex, and this is but an estimate.
        """
        unsolved = step.defect * float(push.norm()) * (REACH + 1)
        capping = self.moved.cap_slope
        shift = step.shift if capping is None else step.shift * capping
        slopes = shift - self.moved.probs @ shift
        if float(slopes.min()) <= -1:
            return float("inf")
        excess = self.moved.probs @ ((1 + slopes) * slopes.log1p())
        return float(step.multipliers @ (self.slack(step.level) - lead) + excess) + unsolved


def _multipliers(gram: Float[Tensor, "m m"], unmet: Float[Tensor, " m"]) -> Tensor | None:
    """`λ ≥ 0` with `Gλ + u ≥ 0` and no more than is needed; None where there are none.

    Raises ArithmeticError where they are lost in rounding.
    """
    scale = gram.diagonal().sqrt().clamp_min(torch.finfo(gram.dtype).tiny)
    G, u = (gram / scale / scale[:, None]).cpu().numpy(), (unmet / scale).cpu().numpy()
    if not (G.size and np.isfinite(G).all() and np.isfinite(u).all()):
        raise ArithmeticError("nothing is level, or not by finite numbers")
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        multipliers = _complementary(G, u)
    return None if multipliers is None else torch.from_numpy(multipliers).to(scale) / scale


def _complementary(G: Float[ndarray, "m m"], u: Float[ndarray, " m"]) -> ndarray | None:
    """The same of a matrix with ones on its diagonal."""
    from scipy.optimize import nnls

    # inexact products leave the matrix not quite symmetric, and so not quite positive
    ridge = max(RIDGE, 4 * np.abs(G - G.T).max()) * len(G)
    try:
        values, vectors = np.linalg.eigh(0.5 * (G + G.T))
        roots = np.sqrt(np.maximum(values, 0.0) + ridge)
        multipliers: ndarray = nnls(roots[:, None] * vectors.T, -(vectors.T @ u) / roots)[0]
        if ridge * multipliers.max() > UNBOUNDED * np.abs(u).max():
            return None
        # what binds is met by the matrix as it is
        active = np.flatnonzero(multipliers)
        multipliers[active] = np.linalg.lstsq(G[np.ix_(active, active)], -u[active])[0]
    # scipy's word for too many steps is a RuntimeError
    except (np.linalg.LinAlgError, RuntimeError) as error:
        raise ArithmeticError(str(error)) from error
    return multipliers
