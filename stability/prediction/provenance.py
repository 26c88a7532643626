"""Where a number comes from: the tokens that a model has read, and the model itself."""

from dataclasses import dataclass, field

from stability.errors import StabilityError

# the role of what no turn said
TEMPLATE = "template"


@dataclass(frozen=True)
class Token:
    """One token of a prompt, of a text, or of a ranking of predictions.

    Attributes:
        index: its place in the prompt or the text, or its rank among predictions; from 0.
        id: its row of `W_U`.
        text: its characters, with a leading space if it has one.
        role: whose words it holds, in a conversation: a turn's role, or `template` for what the chat
            template wrote; None elsewhere, and where that cannot be told.
        special: whether the tokenizer keeps it apart from text, as `<s>` or `<|im_end|>`.

    >>> import numpy as np, stability
    >>> state = stability.bare_state(np.eye(3), np.array([0.0, 2.0, 0.0]))
    >>> [(top, probability)] = state.most_likely(1)
    >>> top, round(probability, 3)
    (Token(index=0, id=1, text='<1>'), 0.787)
    """

    index: int
    id: int
    text: str
    role: str | None = field(default=None, repr=False)
    special: bool = field(default=False, repr=False)


@dataclass(frozen=True)
class ModelCard:
    """The model that a number was measured on, as it is named in results.

    Attributes:
        name: a packaged name, a path or a hub id, as it was given to `stability.load`.
        revision: the commit or hash of its files, or `local`.
        dtype: the precision that its weights are held in, such as `float32`.
        d_model: the width `D` of the vector that `W_U` multiplies.
        n_layers: the number of blocks.
        vocab_size: the number of tokens `V`.
    """

    name: str
    revision: str
    dtype: str
    d_model: int
    n_layers: int
    vocab_size: int

    def require_token(self, token: int) -> None:
        """Refuse an id that is no row of `W_U`.

        Args:
            token: an id, as from a tokenizer or a person.

        Raises:
            StabilityError: the id is negative, or not below `vocab_size`.
        """
        if not 0 <= token < self.vocab_size:
            raise StabilityError(
                f"A token id must be between 0 and {self.vocab_size - 1} for {self.name}; received "
                f"{token}: give one of those, and see that the tokenizer is the model's."
            )
