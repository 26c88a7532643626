"""What a model writes at several coefficients of a vector, and how much each choice is changed."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from numpy import ndarray
from torch import Tensor

from stability.arguments import whole
from stability.errors import StabilityError
from stability.geometry.continuation import Continuation
from stability.models.generation import end_tokens, through_end
from stability.models.language_model import LanguageModel
from stability.prediction import distribution
from stability.prediction.conversation import PromptLike
from stability.prediction.provenance import Token
from stability.steering.passes.intervention import Positions, coefficients_in
from stability.steering.texts.writing import write_steered
from stability.vector_files.steering_vector import SteeringVector


def steered_texts(
    lm: LanguageModel,
    prompt: PromptLike,
    vector: SteeringVector,
    coefficients: Sequence[float] | Float[ndarray, " m"],
    n: int = 24,
    positions: Positions = "all",
) -> list[Continuation]:
    """Write on greedily from a prompt under a steering vector, at several coefficients.

    Args:
        lm: a loaded model.
        prompt: the text, or the conversation.
        vector: what is applied, and where; with positions `all` also at each written token.
        coefficients: of the vector as it is.
        n: the most tokens to write; a text ends earlier with an end-of-text token.
        positions: `all`, `last`, or indices of the prompt.

    Returns:
        For each coefficient what is written. Its `kl` compares the model's own prediction with the
        steered one *after the same text*, KL(original ‖ steered) in nats, also where the texts differ;
        its `first_difference` is from the text at coefficient 0.

    Raises:
        StabilityError: `n` is no whole number or there is no room for so many tokens; there are no
            coefficients; or as for `dose`.
    """
    n = whole(n, "A number of tokens to write", example=24)
    coefficients = coefficients_in(coefficients)
    _require_room(lm, len(lm.tokenize(prompt)), n)
    ids, logits = write_steered(lm, prompt, vector, [0.0, *coefficients], n, positions)
    kl = _divergences(lm, ids, logits)
    rows = ids[:, -n:].tolist()
    ends = end_tokens(lm)
    base, *steered = (through_end(row, ends) for row in rows)
    return [
        Continuation(
            float(c),
            tuple(Token(i, token, lm.text(token)) for i, token in enumerate(row)),
            tuple(nats[: len(row)]),
            next((i for i, (a, b) in enumerate(zip(row, base, strict=False)) if a != b), None),
        )
        for c, row, nats in zip(coefficients, steered, kl[1:].tolist(), strict=True)
    ]


def _divergences(
    lm: LanguageModel, ids: Int[Tensor, "m s"], logits: Float[Tensor, "m n V"]
) -> Float[Tensor, "m n"]:
    """KL(the model's own prediction ‖ the one that wrote the token), for each written token."""
    n = logits.shape[1]
    found = []
    with torch.no_grad():
        # one text at a time: a vocabulary's numbers for each token of several would take gigabytes
        for row, steered in zip(ids, logits, strict=True):
            [vectors] = lm.network.prelogits(row[None, :-1])
            own = lm.readout.logits(vectors[-n:])
            log_p, log_q = (distribution.log_probs(z) for z in (own, steered))
            found.append(distribution.kl(log_p, log_q))
    return torch.stack(found)


def _require_room(lm: LanguageModel, length: int, n: int) -> None:
    """Raise StabilityError unless the model's context has room for so many tokens more."""
    if lm.context is not None and length + n > lm.context:
        raise StabilityError(
            f"{lm.card.name} reads at most {lm.context} tokens; after a prompt of {length} there is no "
            f"room for {n}: ask for fewer, or shorten the prompt."
        )
