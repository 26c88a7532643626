"""Models that soft-cap their logits, opened by every page: what is exact there is said, and is it."""

import pytest
from support.app import CALIBRATION, DEPTH, open_section, opened, pictures
from support.models import FAMILIES, PROMPT, save_model

import stability


@pytest.fixture(scope="module", params=[0.5, 5.0], ids=["tight", "wide"])
def folder(request, tmp_path_factory):
    """A tiny Gemma 2, whose logits of some 5 nats are held at the cap, or hardly bent."""
    config = FAMILIES["gemma2"]()
    config.final_logit_softcapping, config.max_position_embeddings = request.param, 64
    return str(save_model(tmp_path_factory.mktemp("capped"), config))


def test_explore_shows_the_librarys_numbers_and_says_which_are_exact(folder):
    page = opened(model=folder, prompt=PROMPT)
    assert not page.exception
    assert not page.error
    state = stability.load(folder, device="cpu").capture(PROMPT)
    pairs = stability.spectrum(state)
    ray = stability.ray(state, pairs.vectors[:, 0])
    minus, plus = ray.boundary(0.01)
    assert {metric.label: metric.value for metric in page.metric} == {
        "predicted r": f"{ray.predicted_radius(0.01):#.3g}",
        "actual −": f"{minus:#.3g}",
        "actual +": f"{plus:#.3g}",
    }
    [table] = [frame.value for frame in page.dataframe if "quantity" in frame.value]
    values = dict(zip(table["quantity"], table["value"], strict=True))
    nearest = stability.sensitivity(state, pairs).nearest_flip
    assert values["nearest flip"].endswith(f" at {nearest.distance:#.3g}")
    assert not {"certified ball", "κ₃"} & values.keys()
    said = (
        f"soft-caps its logits at {state.readout.softcap:g}: flips are exact, boundaries are first"
    )
    assert sum(said in caption.value for caption in page.caption) == 1


@pytest.mark.parametrize("site", [{"site": "final"}, {"site": "a block", "block": 0}], ids=str)
def test_explore_below_a_capped_readout_says_nothing_of_exact_flips(folder, site):
    page = opened(model=folder, prompt=PROMPT, **site)
    assert not page.exception
    assert not page.error
    captions = " ".join(caption.value for caption in page.caption)
    assert "flips are exact" not in captions
    assert "nothing is certified at this site" in captions


def test_the_other_pages_open_a_capped_model(folder):
    depth = opened(DEPTH, model=folder, prompt=PROMPT)
    calibration = opened(CALIBRATION, model=folder, prompt=PROMPT)
    for page in (depth, calibration):
        assert not page.exception
        assert not page.error
    assert pictures(depth)
    for section in depth.segmented_control(key="section").options:
        open_section(depth, section)
        assert not depth.error
