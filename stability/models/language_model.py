"""A loaded language model: prompts in, states out."""

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.resources import files
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.convert_slow_tokenizer import bytes_to_unicode

from stability.errors import StabilityError
from stability.models.network_above import Passage, Upper, passage
from stability.prediction.readout import Readout
from stability.prediction.state import ModelCard, State, Token

AGREEMENT = 1e-4  # relative, of the network above a block with the whole; float32 rounds each step


@dataclass(frozen=True, eq=False)
class LanguageModel:
    """A transformers model with its tokenizer, and the readout found in it.

    States are captured by calling the model's own submodules, without hooks, so that threads that
    share the model never meet.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    readout: Readout
    card: ModelCard

    @property
    def sites(self) -> tuple[str, ...]:
        """All sites, from the readout down."""
        blocks = (f"block:{index}" for index in reversed(range(self.card.n_layers)))
        return ("prelogit", "final", *blocks)

    def block(self, site: str) -> int | None:
        """The block whose output a site is, or None for `prelogit`; raises StabilityError if none."""
        if site not in self.sites:
            raise StabilityError(
                f"A site must be prelogit, final or block:L with L from 0 to "
                f"{self.card.n_layers - 1} for {self.card.name}; received {site!r}: use 'prelogit'."
            )
        kind, _, number = site.partition(":")
        return int(number) if number else None if kind == "prelogit" else self.card.n_layers - 1

    @property
    def context(self) -> int | None:
        """How many tokens the model reads at most, where its configuration says so."""
        return getattr(self.model.config.get_text_config(), "max_position_embeddings", None)

    def text(self, token: int) -> str:
        """The text of one token id, with the space that some tokenizers strip from a first word."""
        text = str(self.tokenizer.decode([token]))
        piece = str(self.tokenizer.convert_ids_to_tokens(token))
        if "\ufffd" in text:  # a part of a character: many tokens would look alike
            return _bytes(piece)
        spaces = len(piece) - len(piece.lstrip("▁"))
        return " " * spaces + text.lstrip(" ") if spaces else text

    def token_id(self, text: str) -> int:
        """The id of the one token that spells `text`, with `␣` for a space and `⏎` for a new line.

        A number is an id already. Raises StabilityError if it takes no or several tokens.
        """
        if text.strip().isdecimal():
            return int(text)
        plain = text.replace("␣", " ").replace("⏎", "\n").replace("⇥", "\t")
        ids = self.tokenizer(plain, add_special_tokens=False).input_ids
        if len(ids) != 1:
            parts = ", ".join(repr(self.text(i)) for i in ids) or "none"
            raise StabilityError(
                f"A single token is needed; {self.card.name} reads {plain!r} as {parts}: type the "
                "text of one token, with ␣ for a space before it, or its id."
            )
        return int(ids[0])

    def tokenize(self, prompt: str) -> tuple[Token, ...]:
        """The prompt's tokens; whether a BOS token is added is the tokenizer's own default.

        Raises StabilityError if there are none, or more than the model's context holds.
        """
        ids = self.tokenizer(prompt, verbose=False).input_ids if prompt else []
        if not ids:
            raise StabilityError(
                f"A prompt needs at least one token; received {prompt!r}: type some text."
            )
        if self.context is not None and len(ids) > self.context:
            raise StabilityError(
                f"{self.card.name} reads at most {self.context} tokens; this prompt has "
                f"{len(ids)}: shorten it by {len(ids) - self.context} tokens."
            )
        return tuple(Token(index, i, self.text(i)) for index, i in enumerate(ids))

    def capture(self, prompt: str, position: int = -1, site: str = "prelogit") -> State:
        """The state at one position, negative ones counting from the end.

        Raises StabilityError for a prompt that does not fit, a position outside it, an unknown
        site, or values that are not finite.
        """
        states = self.capture_all(prompt, site)
        return states[self._index(position, len(states))]

    def capture_all(self, prompt: str, site: str = "prelogit") -> tuple[State, ...]:
        """Every position's state from one forward pass. Raises as `capture` does."""
        block, tokens = self.block(site), self.tokenize(prompt)
        if block is not None:
            passed = self._passage(tokens, [block])
            return tuple(
                self._below(passed, prompt, tokens, index, site) for index in range(len(tokens))
            )
        vectors = self.prelogits(torch.tensor([[token.id for token in tokens]]))[0]
        self.require_finite(vectors)
        return tuple(
            State(vector, self.readout, prompt, tokens, index, site, self.card, self.text)
            for index, vector in enumerate(vectors)
        )

    def capture_depth(self, prompt: str, position: int = -1) -> tuple[State, ...]:
        """One position's state at every block, the first block's first, from one forward pass.

        Raises as `capture` does.
        """
        tokens = self.tokenize(prompt)
        index = self._index(position, len(tokens))
        blocks = range(self.card.n_layers)
        passed = self._passage(tokens, blocks)
        return tuple(
            self._below(passed, prompt, tokens, index, f"block:{block}") for block in blocks
        )

    def _below(
        self, passed: Passage, prompt: str, tokens: tuple[Token, ...], index: int, site: str
    ) -> State:
        block = self.block(site)
        assert block is not None
        return State(
            vector=passed.streams[block][index],
            readout=self.readout,
            prompt=prompt,
            tokens=tokens,
            position=index,
            site=site,
            model=self.card,
            text=self.text,
            above=Upper(passed, index, block),
        )

    def _passage(self, tokens: tuple[Token, ...], blocks: Iterable[int]) -> Passage:
        """A forward pass that keeps every block; what is above some has been seen to give the same.

        Raises StabilityError in half precision, whose rounding drowns small divergences, and for an
        architecture whose blocks need more than the vector before them.
        """
        if self.card.dtype != "float32":
            raise StabilityError(
                f"Sites below the final norm need float32; {self.card.name} is in "
                f"{self.card.dtype}: load it in float32, or use site 'prelogit'."
            )
        ids = torch.tensor([token.id for token in tokens], device=self.model.device)
        passed = passage(self.model.base_model, ids)
        self.require_finite(passed.prelogits)
        expected = passed.prelogits[-1]
        for block in blocks:
            with torch.no_grad():
                [found] = Upper(passed, len(tokens) - 1, block)(passed.streams[block][-1:])
            error = float((found - expected).norm() / expected.norm())
            if not error <= AGREEMENT:
                raise StabilityError(
                    f"The blocks above a site must give the model's own output to {AGREEMENT:g}; "
                    f"those of {self.card.name!r} ({type(self.model).__name__}) are off by "
                    f"{error:.1e}: this architecture is supported at site 'prelogit' only."
                )
        return passed

    def _index(self, position: int, length: int) -> int:
        if not -length <= position < length:
            raise StabilityError(
                f"A position must be between {-length} and {length - 1} for this prompt "
                f"of {length} tokens; received {position}: choose one of its tokens."
            )
        return position % length

    def require_finite(self, output: Float[Tensor, "*shape"]) -> None:
        """Raise StabilityError if the model gave NaN or infinite values."""
        bad = int((~output.isfinite()).sum())
        if not bad:
            return
        damaged = any(weight.isnan().any() for weight in self.model.parameters())
        overflown = self.card.dtype != "float32" and not damaged
        raise StabilityError(
            f"A model's output must be finite; {self.card.name} in {self.card.dtype} gives {bad} "
            f"NaN or infinite values of {output.numel()}: "
            + ("load it in float32." if overflown else "its weights are damaged, get a clean copy.")
        )

    def background(self, site: str) -> Float[Tensor, "n d"]:
        """Vectors of all positions of the built-in prompts at a site, but the first of each.

        The first position is where attention rests that has nothing to look at: in the middle blocks
        its vector is a hundred times longer than others, and alone would be nearly all covariance.
        """
        found = _backgrounds.setdefault(self, {})
        if site not in found:
            prompts = files("stability.models").joinpath("prompts.txt").read_text("utf-8")
            captured = [self.capture_all(prompt, site) for prompt in prompts.splitlines() if prompt]
            found[site] = torch.stack([state.vector for states in captured for state in states[1:]])
        return found[site]

    def prelogits(self, ids: Int[Tensor, "batch seq"]) -> Float[Tensor, "batch seq d"]:
        """The vectors after the final norm, in float32."""
        with torch.inference_mode():
            body = self.model.base_model
            output = body(input_ids=ids.to(self.model.device), use_cache=False)
            return output.last_hidden_state.float()


def _bytes(piece: str) -> str:
    """The bytes of a byte-level BPE's piece in hexadecimal, or the piece itself of another kind."""
    letters = {letter: byte for byte, letter in bytes_to_unicode().items()}
    if not all(letter in letters for letter in piece):
        return piece
    return "⟨" + "".join(f"{letters[letter]:02X}" for letter in piece) + "⟩"


_backgrounds: WeakKeyDictionary[LanguageModel, dict[str, Tensor]] = WeakKeyDictionary()
