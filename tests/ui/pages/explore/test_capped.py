"""Models that soft-cap their logits, opened by every page: what is exact there is said, and is it."""

import pytest
from support.app import CALIBRATION, DEPTH, explored, open_section, opened, pictures
from support.models import FAMILIES, PROMPT, save_model

import stability


@pytest.fixture(scope="module", params=[0.5, 5.0], ids=["tight", "wide"])
def folder(request, tmp_path_factory):
    """A tiny Gemma 2, whose logits of some 5 nats are held at the cap, or hardly bent."""
    config = FAMILIES["gemma2"]()
    config.final_logit_softcapping, config.max_position_embeddings = request.param, 64
    return str(save_model(tmp_path_factory.mktemp("capped"), config))


@pytest.mark.parametrize("site", [{}, {"site": "final"}, {"site": "a block", "block": 0}], ids=str)
def test_explore_sends_the_librarys_truth_and_certifies_nothing(folder, site):
    page = opened(model=folder, prompt=PROMPT, **site)
    scene = explored(page)
    assert not page.error
    assert scene["line"]["kind"] == "sampled"
    assert scene["numbers"]["ball"] is None
    assert scene["numbers"]["cumulants"] is None
    name = {"a block": "block:0"}.get(site.get("site"), site.get("site", "prelogit"))
    state = stability.load(folder, device="cpu").capture(PROMPT, site=name)
    assert scene["setting"]["softcap"] == state.readout.softcap
    ray = stability.ray(state, stability.spectrum(state).vectors[:, 0])
    assert scene["line"]["variance"] == pytest.approx(ray.curvature, rel=1e-4)


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
