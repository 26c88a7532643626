"""States without a language model, and independent ways to compute what happens to them."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, getcontext

import numpy as np
import torch
from hypothesis import settings
from numpy import ndarray
from scipy.special import logsumexp
from torch import Tensor
from torch.distributions import Categorical, kl_divergence
from torch.nn.functional import kl_div

from stability.prediction.provenance import ModelCard, Token
from stability.prediction.readout import Readout
from stability.prediction.state import State

getcontext().prec = 60


@dataclass(frozen=True)
class Function:
    """A function of batches of vectors, as the network above a site."""

    function: Callable[[Tensor], Tensor]
    at_once = 5  # so that several parts make a whole
    holds_weights = False

    def __call__(self, vectors: Tensor) -> Tensor:
        return self.function(vectors)

    def trajectory(self, vector: Tensor) -> tuple[Tensor, ...]:
        return vector, self(vector)


def make_state(
    W_U: Tensor | ndarray,
    vector: Tensor | ndarray | None = None,
    bias: Tensor | ndarray | None = None,
    scale: float = 1.0,
    softcap: float | None = None,
    site: str = "prelogit",
    above: Callable[[Tensor], Tensor] | None = None,
) -> State:
    """A state with the given readout, and network above it; the zero vector if none is given."""
    W_U = torch.as_tensor(W_U)
    V, d = W_U.shape
    return State(
        vector=torch.zeros(d, dtype=W_U.dtype) if vector is None else torch.as_tensor(vector),
        readout=Readout(W_U, None if bias is None else torch.as_tensor(bias), scale, softcap),
        prompt="a prompt",
        tokens=(Token(0, 0, "a prompt"),),
        position=0,
        site=site if above is None else "block:0",
        model=ModelCard("tiny", "0", "float64", d, 0, V),
        text=lambda token: f"<{token}>",
        above=None if above is None else Function(above),
    )


def with_logits(W_U: Tensor | ndarray, logits: Tensor | ndarray) -> State:
    """A state whose logits are exactly these: the zero vector, and a bias."""
    return make_state(W_U, bias=torch.as_tensor(logits, dtype=torch.float64))


def random_state(
    seed: int = 0,
    V: int = 40,
    d: int = 6,
    gain: float = 1.0,
    dtype: torch.dtype = torch.float64,
    bias: bool = False,
    scale: float = 1.0,
    softcap: float | None = None,
) -> State:
    """Normal rows and a normal vector, whose logits have a standard deviation of about `gain`."""
    draw = torch.Generator().manual_seed(seed)
    W_U = torch.randn(V, d, generator=draw, dtype=torch.float64).to(dtype)
    vector = torch.randn(d, generator=draw, dtype=torch.float64).to(dtype) * gain / d**0.5
    shift = torch.randn(V, generator=draw, dtype=torch.float64) if bias else None
    return make_state(W_U, vector, shift, scale, softcap)


def nonlinear_state(
    seed: int = 0, V: int = 40, d: int = 8, D: int = 6, gain: float = 1.0, **readout: float
) -> State:
    """A state below one layer of a smooth network, `A x + B tanh(C x)`."""
    draw = torch.Generator().manual_seed(seed)
    W_U, vector, A, B, C = (
        torch.randn(*shape, generator=draw, dtype=torch.float64)
        for shape in ((V, D), (d,), (D, d), (D, d), (d, d))
    )
    weight = gain / (D * d) ** 0.5

    def above(x: Tensor) -> Tensor:
        return weight * (x @ A.T + (x @ C.T).tanh() @ B.T)

    return make_state(W_U, vector, above=above, **readout)


def nearly_one_hot(seed: int = 0, V: int = 40, d: int = 6, gap: float = 12.0) -> State:
    """Token 0 leads all others by about `gap` nats."""
    draw = np.random.default_rng(seed)
    logits = draw.uniform(-1, 0, V)
    logits[0] = gap
    return with_logits(draw.standard_normal((V, d)), logits)


def underflowing_state(seed: int = 0, V: int = 40, d: int = 4) -> State:
    """Three likely tokens, and others whose weights float64 cannot hold, with far steeper slopes."""
    draw = np.random.default_rng(seed)
    logits = np.full(V, -760.0)
    logits[:3] = 0.0, 0.0, -3.0
    steepness = np.where(logits < -700, 300.0, 1.0)
    return with_logits(draw.standard_normal((V, d)) * steepness[:, None], logits)


def uniform_state(V: int = 5) -> State:
    """Equal probabilities over orthonormal rows."""
    return make_state(torch.eye(V, dtype=torch.float64))


def binary_state(p: float = 0.3, gap: float = 2.0) -> State:
    """Two tokens in one dimension, `w₁ − w₀ = gap`; token 1 has probability `p`."""
    rows = np.array([[0.5], [0.5 + gap]])
    return with_logits(rows, np.log([1 - p, p]))


def random_direction(state: State, seed: int = 0) -> ndarray:
    v = np.random.default_rng([seed, 1]).standard_normal(state.width)
    return v / np.linalg.norm(v)


def perturbed_logits(state: State, delta: Tensor | ndarray) -> Tensor:
    """The logits at `vector + δ`, from the definition and in float64; `δ` may have batch axes."""
    readout = state.readout
    vector = state.vector.double() + torch.as_tensor(delta)
    y = vector if state.above is None else state.above(vector)
    z = readout.scale * (y @ readout.W_U.double().T)
    z = z if readout.bias is None else z + readout.bias
    return z if readout.softcap is None else readout.softcap * (z / readout.softcap).tanh()


def divergence_hessian(state: State) -> Tensor:
    """The Hessian of `KL(p₀‖p_δ)` at `δ = 0`, by autograd."""

    def kl(delta: Tensor) -> Tensor:
        log_q = perturbed_logits(state, delta).log_softmax(0)
        return (state.probs * (state.log_probs - log_q)).sum()

    return torch.func.hessian(kl)(torch.zeros(state.width, dtype=torch.float64))


def true_kl(state: State, delta: Tensor | ndarray) -> Tensor:
    """`KL(p₀‖p_δ)` by torch.distributions; `δ` may have batch axes."""
    start = Categorical(logits=perturbed_logits(state, torch.zeros_like(state.vector.double())))
    return kl_divergence(start, Categorical(logits=perturbed_logits(state, delta)))


def far_kl(state: State, delta: Tensor | ndarray) -> Tensor:
    """The same by kl_div in logs: torch.distributions says inf where a probability underflows."""
    start = perturbed_logits(state, torch.zeros_like(state.vector.double())).log_softmax(dim=-1)
    log_q = perturbed_logits(state, delta).log_softmax(dim=-1)
    return kl_div(log_q, start, reduction="none", log_target=True).sum(dim=-1)


def log_mean_exp(values: ndarray, weights: ndarray, t: float) -> float:
    """`log E[exp(t·a)]` by scipy: any size of `t`, but no small differences."""
    return float(logsumexp(t * values, b=weights))


def exact_kl(values: ndarray, weights: ndarray, t: float) -> float:
    """`log E[exp(t·a_c)]` in sixty digits: any size of `t`, and centred anew."""
    a, p = [Decimal(float(x)) for x in values], [Decimal(float(x)) for x in weights]
    total = sum(p)
    mean = sum(x * w for x, w in zip(a, p, strict=True)) / total
    powers = [Decimal(float(t)) * (x - mean) for x in a]
    peak = max(powers)
    tilted = (w * (x - peak).exp() for x, w in zip(powers, p, strict=True))
    return float((sum(tilted) / total).ln() + peak)


def single(x: float) -> ndarray:
    """One number as an array, as what is vectorised takes it."""
    return np.array([x])


def random_measure(seed: int, n: int, certainty: float, scale: float) -> tuple[ndarray, ndarray]:
    """Centred slopes and weights; the higher `certainty`, the nearer to one-hot.

    As in the library, the mean is taken from the likeliest token, so that nothing cancels.
    """
    draw = np.random.default_rng(seed)
    logits = certainty * draw.standard_normal(n)
    weights = np.exp(logits - logsumexp(logits))
    values = scale * draw.standard_normal(n) * np.exp(draw.uniform(-1, 1))
    values -= values[weights.argmax()]
    return values - weights @ values, weights


def properties(examples: int) -> settings:
    """Hypothesis with a stated effort and the same examples in every run."""
    return settings(max_examples=examples, deadline=None, derandomize=True)
