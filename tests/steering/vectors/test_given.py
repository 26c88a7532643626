"""Which vector is meant for a model: at its own sites, in the mode that is asked for, or refused."""

import json

import numpy as np
import pytest
from support.models import WIDTH
from support.steering import TEXT, divergences, random_vector, steered_logits

from stability.errors import StabilityError
from stability.steering.doses.dose import dose
from stability.steering.doses.layers import dose_map
from stability.steering.doses.report import dose_report
from stability.steering.passes.reading import prompts_in, steered_text
from stability.steering.vectors.given import steering_vector
from stability.vector_files.steering_vector import SteeringVector, from_array
from stability.vector_files.vector_file import Entry, VectorFile

V, W = random_vector(WIDTH, seed=1, length=3.0), random_vector(WIDTH, seed=2, length=2.0)


def made(**vectors) -> SteeringVector:
    return SteeringVector("own", "array", {f"block:{k[1:]}": v for k, v in vectors.items()})


def test_a_mode_that_is_asked_for_is_the_one_that_is_applied(lm):
    text = dose(lm, made(b0=V), TEXT, mode="project").texts[0]
    base, changed = (steered_logits(lm, TEXT, {0: V}, c, mode="project") for c in (0.0, 1.0))
    # as in test_steered_text: float32 against float64
    np.testing.assert_allclose(
        text.divergences([1.0])[:, 0], divergences(base, changed).numpy(), rtol=2e-3, atol=2e-6
    )
    assert steering_vector(lm, made(b0=V)).mode == "add"


@pytest.mark.parametrize("site", ["block:1", "final", "blocks.1.hook_resid_post"])
def test_of_several_sites_the_one_that_is_asked_for_is_taken(lm, site):
    chosen = steering_vector(lm, made(b0=V, b1=W), site)
    assert [*chosen.vectors] == ["block:1"]
    np.testing.assert_array_equal(chosen.vectors["block:1"], W)


@pytest.mark.parametrize("site", [None, "all"])
def test_without_one_all_sites_are_kept(lm, site):
    assert [*steering_vector(lm, made(b0=V, b1=W), site).vectors] == ["block:0", "block:1"]


def test_of_what_was_read_of_a_file_the_name_says_which_vector_is_meant(lm):
    entries = (Entry("happy", V), Entry("sad", W))
    file = VectorFile("own", "array", entries)
    chosen = steering_vector(lm, file, "block:1", name="sad")
    np.testing.assert_array_equal(chosen.vectors["block:1"], W)
    with pytest.raises(StabilityError, match="has several, happy, sad"):
        steering_vector(lm, file, "block:1")


NONSENSE = {
    "nonsense": "A site must be prelogit, final or block:L",
    "": "one site, several with commas, or all by itself; received ''",
    "block:0,": "all by itself; received 'block:0,'",
    "all,block:0": "all by itself; received 'all,block:0'",
    "final,block:1": "'final' and 'block:1' are one site",
}


@pytest.mark.parametrize(("site", "words"), NONSENSE.items())
@pytest.mark.parametrize("vector", [made(b0=V), V], ids=["vector", "array"])
def test_what_names_no_site_is_refused(lm, vector, site, words):
    with pytest.raises(StabilityError, match=words):
        steering_vector(lm, vector, site)


@pytest.mark.parametrize("site", ["block:1", "prelogit"])
def test_a_site_that_says_otherwise_is_refused(lm, site):
    with pytest.raises(StabilityError, match=f"'own' belongs to block:0, and not to {site}"):
        dose(lm, made(b0=V), TEXT, site=site)


@pytest.mark.parametrize("prompts", [None, 3, [TEXT, None]])
def test_what_is_no_prompt_is_refused(prompts):
    with pytest.raises(StabilityError, match=r"a text or a conversation; received (None|3)"):
        prompts_in(prompts)


@pytest.mark.parametrize("measure", [steered_text, dose_map])
def test_two_names_of_one_site_are_refused_and_none_is_dropped(lm, measure):
    vector, words = from_array(V, "final,block:1"), "'block:1' and 'final' are one site of"
    with pytest.raises(StabilityError, match=words):
        measure(*(lm, vector, TEXT) if measure is dose_map else (lm, TEXT, vector))


@pytest.mark.parametrize("positions", [0, np.array([0, 2])], ids=["one", "array"])
def test_positions_of_any_kind_are_reported_as_plain_numbers(lm, positions):
    found = dose(lm, V, TEXT, site="prelogit", positions=positions)
    assert found.positions == tuple(np.atleast_1d(positions).tolist())
    assert json.loads(json.dumps(dose_report(found, [0.1])["positions"])) == [*found.positions]
