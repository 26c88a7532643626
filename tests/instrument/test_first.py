"""The scene that ships with the package."""

import subprocess
import sys

import numpy as np
import pytest

from stability.instrument.first import DIGITS, MODEL, PROMPT, first, make


def test_it_is_read_without_torch():
    code = (
        "import sys; from stability.instrument.first import first; first(); "
        "print('torch' in sys.modules)"
    )
    read = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert read.stdout.strip() == "False"


def test_it_is_small_and_names_its_setting():
    from importlib.resources import files

    assert len(files("stability.instrument").joinpath("first.json").read_bytes()) < 120_000
    assert first()["setting"]["prompt"] == PROMPT
    assert first()["setting"]["model"]["name"] == MODEL


@pytest.mark.model
@pytest.mark.slow
def test_it_is_what_is_computed_now():
    import stability

    shipped, now = first(), make(stability.load(MODEL))
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
