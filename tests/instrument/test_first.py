"""The scene that ships with the package."""

import numpy as np
import pytest
from support.shipped_scenes import loads_torch, size

from stability.instrument.first import DIGITS, MODEL, PROMPT, first, make


def test_it_is_read_without_torch():
    assert not loads_torch("stability.instrument")


def test_it_is_small_and_names_its_setting():
    assert size("stability.instrument") < 120_000
    assert first()["setting"]["prompt"] == PROMPT
    assert first()["setting"]["model"]["name"] == MODEL


@pytest.mark.slow
def test_it_is_what_is_computed_now(smollm2):
    shipped, now = first(), make(smollm2)
    assert shipped.keys() == now.keys()
    for name in ("tokens", "next", "spectrum", "numbers"):
        alike(shipped[name], now[name])
    # atoms may be merged otherwise by a last digit: what they say is compared
    alike(np.exp(shipped["plane"]["log_distances"]), np.exp(now["plane"]["log_distances"]))
    for t in (-0.5, 0.1, 1.0):
        alike(kl(shipped["line"], t), kl(now["line"], t))


def alike(shipped, now):
    """The same data, but for the last digits, which float32 leaves to the machine."""
    if isinstance(shipped, dict):
        assert shipped.keys() == now.keys()
        for name in shipped:
            alike(shipped[name], now[name])
    elif isinstance(shipped, list):
        assert len(shipped) == len(now)
        for one, other in zip(shipped, now, strict=True):
            alike(one, other)
    elif isinstance(shipped, float | np.ndarray):
        np.testing.assert_allclose(now, shipped, rtol=10.0 ** (3 - DIGITS))
    else:
        assert shipped == now


def kl(law, t):
    shifts = t * np.array(law["values"])
    return float(np.log1p(np.exp(law["log_weights"]) @ (np.expm1(shifts) - shifts)))
