"""The next-token distribution: pure functions of logits, in float64."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from stability.arguments import nats
from stability.errors import require_distinct

OVERFLOW = 600.0  # exp of more, times a slope, may be infinite in float64
UNDERFLOW = -708.0  # the logarithm of the least probability that float64 holds in full


def require_nats(*epsilons: float) -> None:
    """Raise StabilityError unless each `ε` is another positive number of nats, up to `MOST_NATS`."""
    require_distinct([nats(epsilon) for epsilon in epsilons], "Epsilons")


def log_probs(logits: Float[Tensor, "*batch V"]) -> Float[Tensor, "*batch V"]:
    """Log-probabilities `log softmax(z)`, in nats and float64.

    >>> import torch
    >>> log_probs(torch.zeros(2)).exp().tolist()
    [0.5, 0.5]
    """
    return logits.double().log_softmax(dim=-1)


def entropy(log_p: Float[Tensor, "*batch V"]) -> Float[Tensor, "*batch"]:
    """Shannon entropy `−Σ p log p`, in nats.

    A token whose probability underflows contributes nothing, also where its log is −∞.
    """
    p = log_p.exp()
    return -(p * log_p.where(p > 0, 0.0)).sum(dim=-1)


def kl(
    log_p: Float[Tensor, "*batch V"], log_q: Float[Tensor, "*batch V"]
) -> Float[Tensor, "*batch"]:
    """Kullback–Leibler divergence `KL(p‖q) = Σ p (log p − log q)`, in nats.

    This is the plain sum: where the two are close it loses digits that
    `stability.exact.slope_distribution.SlopeDistribution.kl` keeps.
    """
    p = log_p.exp()
    return (p * (log_p - log_q).where(p > 0, 0.0)).sum(dim=-1)


def divergence(
    log_p: Float[Tensor, " V"], shift: Float[Tensor, "n V"]
) -> tuple[Float[Tensor, " n"], Float[Tensor, " n"]]:
    """The mean shift `E_p[s]` of logits that move by `s`, and `KL(p‖q) = log E_p[exp(s − E_p[s])]`.

    With the mean known, `E[eˣ] = 1 + E[eˣ − 1 − x]` is a sum of positive terms: small divergences
    keep their digits. Beyond the range of exp the sum is taken in logs. For measures on the processor,
    already centred: `exact.discrete_measure`.
    """
    p = log_p.exp()
    mean_shift = shift @ p
    x = shift - mean_shift[:, None]
    if ((log_p < UNDERFLOW) & (log_p > -math.inf)).any():
        # probabilities that underflow count as `e^{x + log p}` where `eˣ` is large
        far = (x + log_p).amax(dim=1) > OVERFLOW
        grown = (x + log_p).clamp_max(OVERFLOW).exp() - p * (1 + x)
        kl = torch.where(x > 1, grown, p * (x.clamp_max(1).expm1() - x)).sum(dim=1).log1p()
    else:
        far = x.amax(dim=1) > OVERFLOW
        kl = (x.expm1().sub_(x) @ p).log1p()
    if far.any():
        kl[far] = (log_p + x[far]).logsumexp(dim=1)
    return mean_shift, kl


def reverse_divergence(
    log_p: Float[Tensor, " V"],
    shift: Float[Tensor, "n V"],
    mean_shift: Float[Tensor, " n"],
    kl: Float[Tensor, " n"],
) -> Float[Tensor, " n"]:
    """`KL(q‖p) = E_q[s − E_p[s]] − KL(p‖q)`, where logits move by `s`, from what `divergence` gives.

    With `x = s − E_p[s]` the mean `E_q[x] = E_p[x (eˣ − 1)] e^{−KL(p‖q)}` is a sum of positive terms.
    """
    x = shift - mean_shift[:, None]
    log_q = x + log_p - kl[:, None]
    # the same sum, where eˣ would overflow
    terms = torch.where(
        x > 1, x * log_q.exp(), x * x.clamp_max(1).expm1() * (log_p - kl[:, None]).exp()
    )
    left = (x.clamp_min(1) * log_p.exp() * (-kl[:, None]).exp()).where(x > 1, 0.0)
    return ((terms - left).sum(dim=1) - kl).clamp_min(0)


def argmax(logits: Float[Tensor, "*batch V"]) -> Int[Tensor, "*batch"]:
    """The most likely token; ties go to the lowest id."""
    ties = logits == logits.amax(dim=-1, keepdim=True)
    return ties.int().argmax(dim=-1)


def margin(logits: Float[Tensor, "*batch V"]) -> Float[Tensor, "*batch"]:
    """Gap between the two largest logits: the log-odds of first over second, in nats.

    Infinite in a vocabulary of one token.
    """
    if logits.shape[-1] == 1:
        return torch.full_like(logits[..., 0], math.inf)
    first, second = logits.topk(2, dim=-1).values.unbind(dim=-1)
    return first - second
