"""A captured vector and everything that is known where it was captured."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

from jaxtyping import Float
from torch import Tensor

from stability import numerics
from stability.arguments import whole
from stability.prediction import distribution
from stability.prediction.above import Above
from stability.prediction.conversation import PromptLike
from stability.prediction.jacobian import AnyJacobian, is_held, jacobian
from stability.prediction.pause import Pause, no_pause
from stability.prediction.provenance import ModelCard, Token
from stability.prediction.readout import Readout


@dataclass(frozen=True, eq=False)
class State:
    """The vector at one site and position of one prompt, with the map from it to the logits.

    Logits and log-probabilities are float64, in nats.

    Attributes:
        vector: what is perturbed, (d,).
        readout: the map from the vector after the final norm, (D,), to the logits, (V,).
        prompt: the text, or the conversation, that was read.
        tokens: its tokens, in order.
        position: index in `tokens` of the one after which the next token is predicted.
        site: `prelogit`, the vector after the final norm, the one that `W_U` multiplies; `final`, the
            one before the norm; or `block:L`, the residual stream leaving block `L`.
        model: the model that read it.
        text: spells a token id of the vocabulary.
        above: the network between the site and the readout; None at `prelogit`.
        pause: called before each product with the Jacobian, and each run of the network.

    >>> import numpy as np, stability
    >>> state = stability.bare_state(np.eye(3), np.array([2.0, 0.0, 0.0]))
    >>> state.probs.numpy().round(3), round(state.margin, 3)
    (array([0.787, 0.107, 0.107]), 2.0)
    """

    vector: Float[Tensor, " d"] = field(repr=False)
    readout: Readout = field(repr=False)
    prompt: PromptLike
    tokens: tuple[Token, ...] = field(repr=False)
    position: int
    site: str
    model: ModelCard
    text: Callable[[int], str] = field(repr=False)
    above: Above | None = field(default=None, repr=False)
    pause: Pause = field(default=no_pause, repr=False)

    @property
    def here(self) -> Token:
        """The token of the prompt at this position."""
        return self.tokens[self.position]

    @property
    def width(self) -> int:
        """Dimension `d` of the vector."""
        return len(self.vector)

    @property
    def is_at_readout(self) -> bool:
        """Whether the vector itself is given to the readout: its uncapped logits are linear in it."""
        return self.above is None

    @property
    def is_linear(self) -> bool:
        """Whether the logits are linear in the vector: at `prelogit`, unless they are capped."""
        return self.is_at_readout and self.readout.softcap is None

    @cached_property
    def prelogit(self) -> Float[Tensor, " D"]:
        """The vector that the readout is given."""
        return self.vector if self.above is None else self.above(self.vector[None])[0]

    def at_readout(self) -> "State":
        """The same prediction as a state of site `prelogit`."""
        is_here = self.is_at_readout
        return self if is_here else replace(self, vector=self.prelogit, site="prelogit", above=None)

    def with_logits(self, uncapped_logits: Float[Tensor, " V"]) -> "State":
        """Return the same state with the logits that it would compute, made with those of others."""
        state = replace(self)
        state.__dict__["uncapped_logits"] = uncapped_logits
        return state

    @cached_property
    def uncapped_logits(self) -> Float[Tensor, " V"]:
        """Logits before any soft-capping, which have the same argmax."""
        return self.readout.uncapped(self.prelogit)

    @cached_property
    def logits(self) -> Float[Tensor, " V"]:
        """Next-token logits at this state, float64."""
        return self.readout.cap(self.uncapped_logits)

    @cached_property
    def log_probs(self) -> Float[Tensor, " V"]:
        """Next-token log-probabilities, in nats."""
        return distribution.log_probs(self.logits)

    @cached_property
    def probs(self) -> Float[Tensor, " V"]:
        """Next-token probabilities `p`."""
        return self.log_probs.exp()

    @cached_property
    def argmax(self) -> int:
        """Id of the most likely next token; ties go to the lowest id."""
        return int(distribution.argmax(self.uncapped_logits))

    @cached_property
    def others(self) -> float:
        """`1 − p_top`, summed over the other tokens so that nothing cancels."""
        probs, top = self.probs, self.argmax
        return float(probs[:top].sum() + probs[top + 1 :].sum())

    @property
    def entropy(self) -> float:
        """Entropy of the next-token distribution, in nats."""
        return float(distribution.entropy(self.log_probs))

    @property
    def margin(self) -> float:
        """Gap between the two largest logits."""
        return float(distribution.margin(self.logits))

    @cached_property
    def logit_rounding(self) -> float:
        """How far rounding moves a logit, in nats: the readout's rounding times `‖y‖`."""
        return self.readout.rounding * float(self.prelogit.double().norm())

    @property
    def norm(self) -> float:
        """Euclidean length of the vector, in its own coordinates."""
        return float(self.vector.double().norm())

    @property
    def _jacobian(self) -> AnyJacobian | None:
        """Kept, unless it is a graph that holds copies of weights."""
        holds = self.above is not None and self.above.holds_weights
        keeps = not holds or is_held(self.readout.width, self.vector.device)
        return self._kept_jacobian if keeps else self._new_jacobian()

    @cached_property
    def _kept_jacobian(self) -> AnyJacobian | None:
        return self._new_jacobian()

    def _new_jacobian(self) -> AnyJacobian | None:
        above, width = self.above, self.readout.width
        return None if above is None else jacobian(above, self.vector, width, self.pause)

    def jvp(self, directions: Float[Tensor, "d k"]) -> Float[Tensor, "D k"]:
        """How the vector given to the readout moves along directions at this site."""
        self.pause()
        return directions.double() if (J := self._jacobian) is None else J.jvp([directions])

    def vjp(self, cotangents: Float[Tensor, "D k"]) -> Float[Tensor, "d k"]:
        """The transpose of `jvp`."""
        self.pause()
        return cotangents.double() if (J := self._jacobian) is None else J.vjp(cotangents)[0]

    def slopes(self, directions: Float[Tensor, "d k"]) -> Float[Tensor, "V k"]:
        """How fast each logit moves along directions, `dz/dx V`."""
        slopes = self.readout.slopes(self.jvp(directions))
        return slopes if self.cap_slope is None else slopes * self.cap_slope[:, None]

    def pull_back(self, weights: Float[Tensor, "V k"]) -> Float[Tensor, "d k"]:
        """The transpose of `slopes`: gradients of weighted sums of the logits."""
        capped = weights if self.cap_slope is None else weights * self.cap_slope[:, None]
        return self.vjp(self.readout.pull_back(capped))

    @cached_property
    def cap_slope(self) -> Float[Tensor, " V"] | None:
        """`f'(z)`, by which capping slows each logit here; None without capping."""
        is_capped = self.readout.softcap is not None
        return self.readout.cap_slope(self.uncapped_logits) if is_capped else None

    def most_likely(self, n: int) -> tuple[tuple[Token, float], ...]:
        """The `n` most likely next tokens with their probabilities, in order.

        Returns:
            Pairs of a token, whose `index` is its rank from 0, and its probability; all tokens where
            there are fewer than `n`.

        Raises:
            StabilityError: `n` is below 1.
        """
        n = whole(n, "A number of tokens to rank")
        order = numerics.largest(self.log_probs.cpu().numpy(), n).tolist()
        return tuple(
            (Token(rank, i, self.text(i)), float(self.probs[i])) for rank, i in enumerate(order)
        )
