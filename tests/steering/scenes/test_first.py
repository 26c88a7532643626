"""The scene of a dose that ships with the package."""

from dataclasses import replace

import numpy as np
import pytest
from support.shipped_scenes import loads_torch, size

from stability.defaults import DOSE_EPSILONS
from stability.steering.crossings import statistics
from stability.steering.scenes import scene_parts
from stability.steering.scenes.first import BLOCKS, MODEL, PROMPT, first, measure

SIGNS = (("minus", -1), ("plus", 1))


def test_it_is_read_without_torch():
    assert not loads_torch("stability.steering.scenes")


def test_it_is_small_and_names_its_setting():
    assert size("stability.steering.scenes") < 80_000
    setting = first()["setting"]
    assert (setting["prompt"], setting["model"]["name"]) == (PROMPT, MODEL)
    assert setting["model"]["n_layers"] == BLOCKS


@pytest.mark.slow
def test_it_is_what_the_default_model_says_now(smollm2):
    """All that is predicted, and the truth where it is said to cross; all of it takes minutes."""
    import stability

    shipped, lm = first(), smollm2
    found = measure(lm)
    # products of float32, which depend on the machine in the last digits
    information = scene_parts.by_statistic(found.information[0])
    assert information == pytest.approx(shipped["information"], rel=1e-4)
    [known] = shipped["passes"]
    texts, name = found.texts[0], "p95"
    doses = [row for row in shipped["truth"]["doses"] if row["statistic"] == name]
    c = [known["c"], *(sign * row[side] for row in doses for side, sign in SIGNS)]
    kl = texts.divergences(c)
    np.testing.assert_allclose(kl[:, 0], known["kl"], rtol=1e-3, atol=1e-7)
    # a coefficient to a thousandth, of what grows about as its square
    reached = statistics.of_text(name, kl[:, 1:], 0)
    np.testing.assert_allclose(reached, np.repeat(DOSE_EPSILONS, 2), rtol=1e-2)
    [layer] = [layer for layer in shipped["layers"] if layer["site"] == "block:25"]
    moved = replace(found.vector, vectors={"block:25": found.vector.vectors["block:15"]})
    there = scene_parts.by_statistic(stability.dose(lm, moved, PROMPT).information[0])
    assert there == pytest.approx(layer["information"], rel=1e-3)
    [price] = found.prices(-1, 1)[1]
    assert price.id == shipped["prices"][-1]["plus"][0]["id"]
