"""What is written under a vector, against plain hooks at every token."""

import numpy as np
import pytest
import torch
from support.models import WIDTH, blocks
from support.steering import TEXT, random_vector

from stability.errors import StabilityError
from stability.steering.texts.writing import write_steered
from stability.vector_files.steering_vector import SteeringVector

V = random_vector(WIDTH, length=3.0)
COEFFICIENTS = [-1.0, 0.0, 0.5, 2.0]
NEW = 6


def hooked(lm, coefficient, everywhere: bool):
    """Greedy tokens with a hook, the whole text read anew for each."""
    ids = torch.tensor([[token.id for token in lm.tokenize(TEXT)]])
    length = ids.shape[1]

    def hook(module, arguments, output):
        stream = output[0] if isinstance(output, tuple) else output
        moved = stream.clone()
        moved[:, : None if everywhere else length] += coefficient * torch.from_numpy(V).float()
        return (moved, *output[1:]) if isinstance(output, tuple) else moved

    handle = blocks(lm.model)[0].register_forward_hook(hook)
    try:
        with torch.no_grad():
            for _ in range(NEW):
                logits = lm.model(input_ids=ids, use_cache=False).logits[:, -1]
                ids = torch.cat([ids, logits.argmax(-1)[:, None]], dim=1)
    finally:
        handle.remove()
    return ids[0].tolist()


@pytest.mark.parametrize("family", ["llama", "gpt2", "gemma3", "llama, dynamic", "mamba"])
def test_every_token_is_steered_the_written_ones_too(model_of, family):
    lm = model_of(family)
    vector = SteeringVector("own", "array", {"block:0": V})
    ids, logits = write_steered(lm, TEXT, vector, COEFFICIENTS, NEW)
    assert logits.shape[:2] == (len(COEFFICIENTS), NEW)
    for row, coefficient in zip(ids.tolist(), COEFFICIENTS, strict=True):
        assert row == hooked(lm, coefficient, everywhere=True)


def test_chosen_positions_alone_stay_as_they_are_chosen(lm):
    vector = SteeringVector("own", "array", {"block:0": V})
    positions = list(range(len(lm.tokenize(TEXT))))
    ids, _ = write_steered(lm, TEXT, vector, COEFFICIENTS, NEW, positions)
    for row, coefficient in zip(ids.tolist(), COEFFICIENTS, strict=True):
        assert row == hooked(lm, coefficient, everywhere=False)


def test_at_the_readout_each_prediction_is_moved(lm):
    vector = SteeringVector("own", "array", {"prelogit": V})
    ids, logits = write_steered(lm, TEXT, vector, [0.0, 5.0], NEW)
    length = ids.shape[1] - NEW
    for row, received, c in zip(ids, logits, (0.0, 5.0), strict=True):
        # what the plain model gives after the same text, moved by hand
        base = lm.model(input_ids=row[None, :-1], use_cache=False).logits[0, length - 1 :].double()
        expected = base + c * lm.readout.W_U.double() @ torch.from_numpy(V)
        # float32 sums of 32 products, twice
        torch.testing.assert_close(received.double(), expected.detach(), rtol=1e-4, atol=1e-4)
        assert row[length:].tolist() == expected.argmax(dim=1).tolist()


@pytest.mark.parametrize("site", ["block:0", "prelogit"])
@pytest.mark.parametrize(
    ("coefficients", "n", "words"),
    [
        ([1.0, np.nan], 2, "Coefficients must be finite"),
        ([np.inf], 2, "Coefficients must be finite"),
        ([0.0, 1e100], 2, "at 1 of 2 coefficients it is not: write with smaller ones"),
        ([], 2, "a coefficient at least; received none"),
        ([1.0], 0, "tokens to write must be a whole number of at least 1; received 0"),
    ],
)
def test_what_has_no_finite_text_is_refused(lm, site, coefficients, n, words):
    vector = SteeringVector("own", "array", {site: V})
    with pytest.raises(StabilityError, match=words):
        write_steered(lm, TEXT, vector, coefficients, n)
