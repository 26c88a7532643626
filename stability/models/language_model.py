"""A loaded language model: prompts in, states out."""

from dataclasses import dataclass
from importlib.resources import files
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.convert_slow_tokenizer import bytes_to_unicode

from stability.errors import StabilityError
from stability.readout import Readout
from stability.state import ModelCard, State, Token

SITES = ("prelogit",)


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
        if not -len(states) <= position < len(states):
            raise StabilityError(
                f"A position must be between {-len(states)} and {len(states) - 1} for this prompt "
                f"of {len(states)} tokens; received {position}: choose one of its tokens."
            )
        return states[position]

    def capture_all(self, prompt: str, site: str = "prelogit") -> tuple[State, ...]:
        """Every position's state from one forward pass. Raises as `capture` does."""
        if site not in SITES:
            raise StabilityError(
                f"A site must be one of {', '.join(SITES)}; received {site!r}: use 'prelogit'."
            )
        tokens = self.tokenize(prompt)
        vectors = self.prelogits(torch.tensor([[token.id for token in tokens]]))[0]
        self.require_finite(vectors)
        return tuple(
            State(vector, self.readout, prompt, tokens, index, site, self.card, self.text)
            for index, vector in enumerate(vectors)
        )

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
        """Vectors of all positions of the built-in prompts at a site."""
        found = _backgrounds.setdefault(self, {})
        if site not in found:
            prompts = files("stability.models").joinpath("prompts.txt").read_text("utf-8")
            captured = [self.capture_all(prompt, site) for prompt in prompts.splitlines() if prompt]
            found[site] = torch.stack([state.vector for states in captured for state in states])
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
