"""What is written at several coefficients, and how much each choice is changed, against plain hooks."""

import numpy as np
import pytest
import torch
from support.models import WIDTH
from support.steering import TEXT, divergences, random_vector, steered_logits

from stability.errors import StabilityError
from stability.steering.texts.written import steered_texts
from stability.vector_files.steering_vector import SteeringVector

V = random_vector(WIDTH, length=3.0)
VECTOR = SteeringVector("own", "array", {"block:0": V})
COEFFICIENTS = [0.0, 0.5, -2.0]
NEW = 5


def test_each_choice_is_compared_with_the_models_own_after_the_same_text(lm):
    """The whole text read once more with a hook and without, in float64."""
    prompt = [token.id for token in lm.tokenize(TEXT)]
    for written in steered_texts(lm, TEXT, VECTOR, COEFFICIENTS, NEW):
        ids = prompt + [token.id for token in written.tokens]
        logits, steered = (hooked(lm, ids, c) for c in (0.0, written.distance))
        expected = divergences(logits, steered)[len(prompt) - 1 : -1]
        # logits of float32, of some ten nats, against float64
        np.testing.assert_allclose(written.kl, expected, rtol=1e-4, atol=1e-6)
        chosen = steered[len(prompt) - 1 : -1].argmax(-1)
        assert chosen.tolist() == ids[len(prompt) :]


def hooked(lm, ids, coefficient):
    """Logits of token ids, in float64, the vector added everywhere after the first block."""

    class Reader:
        model = lm.model

        def tokenize(self, _):
            return [type("Token", (), {"id": id}) for id in ids]

    return steered_logits(Reader(), "", {0: V}, coefficient).detach()


def test_the_first_token_that_differs_is_told(lm):
    base, near, far = steered_texts(lm, TEXT, VECTOR, COEFFICIENTS, NEW)
    assert base.first_difference is None
    # rounding of logits of float32, squared
    assert max(base.kl) < 1e-9
    for text in (near, far):
        pairs = zip(text.tokens, base.tokens, strict=False)
        differing = [i for i, (one, other) in enumerate(pairs) if one.id != other.id]
        assert text.first_difference == (differing[0] if differing else None)


def test_the_context_must_have_room(lm):
    for n, said in ((0, "at least 1; received 0"), (10**6, "reads at most")):
        with pytest.raises(StabilityError, match=said):
            steered_texts(lm, TEXT, VECTOR, [1.0], n)
    assert torch.is_grad_enabled()
