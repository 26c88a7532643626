"""A loaded language model: prompts in, states out."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from stability.models import tokenization
from stability.models.background import background_vectors
from stability.models.capture import captured
from stability.models.network import Network
from stability.models.sites import block_at, resolve_position, sites_of
from stability.models.weights_at_use import read_at_use
from stability.prediction.conversation import PromptLike
from stability.prediction.pause import Pause, no_pause
from stability.prediction.provenance import ModelCard, Token
from stability.prediction.readout import Readout
from stability.prediction.site_names import canonical_site
from stability.prediction.state import State

# a position, the block that a vector leaves there or None, and the name of that site
_Place = tuple[int, int | None, str]


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """A causal language model with its tokenizer and its readout, from `stability.load`.

    States are captured by calling the model's own submodules, without hooks, so that threads may
    share one model::

        lm = stability.load("smollm2-135m")
        state = lm.capture("The capital of France is", site="block:12")
        state.vector, state.logits, state.entropy  # (d,), (V,), nats

    Attributes:
        model: the transformers model, in evaluation mode, without gradients of its weights.
        tokenizer: its transformers tokenizer.
        readout: the map from the vector after the final norm to the logits.
        card: name, revision, sizes, and what the weights are held in.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    readout: Readout
    card: ModelCard

    @cached_property
    def network(self) -> Network:
        """The model up to its unembedding, computed in float32 wherever its weights are held."""
        return Network(read_at_use(self.model, self.readout), self.card)

    @property
    def sites(self) -> tuple[str, ...]:
        """The names of all sites, from the readout down: `prelogit`, `final`, …, `block:0`."""
        return sites_of(self.card)

    def block(self, site: str) -> int | None:
        """Return the block whose output a site is.

        Returns:
            An index from 0; None for `prelogit`. Other tools' names are read, too:
            `blocks.5.hook_resid_post`, `model.layers.5`.

        Raises:
            StabilityError: the model has no such site.
        """
        return block_at(site, self.card)

    @property
    def context(self) -> int | None:
        """The most tokens that the model reads, or None where its configuration states no limit."""
        limit = getattr(self.model.config.get_text_config(), "max_position_embeddings", None)
        return limit if limit and limit > 0 else None

    def text(self, token: int) -> str:
        """Return the text of one token id, with its leading space; parts of characters as `⟨E7⟩`."""
        return tokenization.token_text(self.tokenizer, token)

    def token_id(self, text: str) -> int:
        """Return the id of the one token that spells a text.

        Args:
            text: the token's text, in which `␣`, `⏎` and `⇥` stand for space, newline and tab; or its
                id in decimal digits.

        Raises:
            StabilityError: the text takes no token, or several, or one that the model has not.
        """
        return tokenization.token_id(self.tokenizer, text, self.card)

    def tokenize(self, prompt: PromptLike) -> tuple[Token, ...]:
        """Split a prompt into tokens; the tokenizer's own default decides on a BOS token.

        Args:
            prompt: any text of at least one token, or a conversation.

        Returns:
            One `Token(index, id, text)` for each position.

        Raises:
            StabilityError: the prompt has no tokens, more than the model's context holds, or one that
                the model has not; the model has no chat template, or it refuses the conversation.
        """
        return tokenization.tokenized(self.tokenizer, prompt, self.context, self.card)

    def capture(self, prompt: PromptLike, position: int = -1, site: str = "prelogit") -> State:
        """Run a prompt through the model, and return the state at one position and site.

        Args:
            prompt: any text of at least one token, or a conversation.
            position: index of the token, negative to count from the end.
            site: `prelogit`, the vector after the final norm; `final`, the one before the norm; or
                `block:L`, the residual stream leaving block `L`, counted from 0.

        Returns:
            The state: its vector (d,), in float32, and the map from there to the logits (V,).

        Raises:
            StabilityError: the prompt is empty or too long, the position is outside it, the site is
                unknown, or the model's output is not finite; below `prelogit` also where its blocks do
                not reproduce its output.
        """
        block, tokens = self.block(site), self.tokenize(prompt)
        index = resolve_position(position, len(tokens))
        [state] = self._states(prompt, tokens, [(index, block, site)])
        return state

    def capture_all(self, prompt: PromptLike, site: str = "prelogit") -> tuple[State, ...]:
        """Return the states of all positions of a prompt at one site, from one forward pass.

        Args:
            prompt: any text of at least one token, or a conversation.
            site: a name as for `capture`.

        Returns:
            One state for each token, in order.

        Raises:
            StabilityError: as for `capture`.
        """
        block, tokens = self.block(site), self.tokenize(prompt)
        places = [(index, block, site) for index in range(len(tokens))]
        return self._states(prompt, tokens, places)

    def capture_depth(self, prompt: PromptLike, position: int = -1) -> tuple[State, ...]:
        """Return the states of one position at every block, from one forward pass.

        Args:
            prompt: any text of at least one token, or a conversation.
            position: index of the token, negative to count from the end.

        Returns:
            One state for each of `block:0`, `block:1`, …, `block:{n_layers − 1}`.

        Raises:
            StabilityError: as for `capture` below `prelogit`.
        """
        tokens = self.tokenize(prompt)
        index = resolve_position(position, len(tokens))
        places: list[_Place] = [(index, L, f"block:{L}") for L in range(self.card.n_layers)]
        return self._states(prompt, tokens, places)

    def background(self, site: str, pause: Pause = no_pause) -> Float[Tensor, "n d"]:
        """Return vectors of many prompts at a site, whose covariance gives `covariance_matched`.

        Args:
            site: a name as for `capture`.
            pause: called before each of the prompts.

        Returns:
            All positions of the built-in prompts, (n, d), but the first of each: an attention sink,
            whose long vector would dominate the covariance.

        Raises:
            StabilityError: as for `capture`.
        """
        return background_vectors(self, site, pause)

    def prelogits(self, ids: Int[Tensor, "batch seq"]) -> Float[Tensor, "batch seq d"]:
        """Return the vectors that the unembedding is given, in float32, for rows of token ids."""
        with torch.inference_mode():
            return self.network.prelogits(ids.to(self.network.device)).float()

    def _states(
        self, prompt: PromptLike, tokens: tuple[Token, ...], places: Sequence[_Place]
    ) -> tuple[State, ...]:
        """Return the state at each (position, block, site) of `places`, from one forward pass."""
        found = captured(self.network, tokens, [(index, block) for index, block, _ in places])
        card, text = self.card, self.text
        return tuple(
            State(vector, self.readout, prompt, tokens, i, canonical_site(site), card, text, above)
            for (i, _, site), (vector, above) in zip(places, found, strict=True)
        )
