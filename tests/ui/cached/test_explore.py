"""What several sessions ask of Explore: none waits for all of another's long work."""

import threading
import weakref

import pytest
from support.models import FAMILIES, save_model

from stability.curvature import least_push
from stability.curvature.direction_spec import DirectionSpec
from stability.errors import StabilityError
from stability.ui.cached import explore, models
from stability.ui.cached.background import Jobs
from stability.ui.cached.wishes import Wishes
from stability.ui.choice import Choice

pytestmark = pytest.mark.slow

PATIENCE = 60.0
TOKEN = 3


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A tiny model, on a server without others."""
    monkeypatch.setattr(models, "_models", Jobs(max_entries=99, at_once=4))
    monkeypatch.setattr(models, "_holds", weakref.WeakSet())
    return str(save_model(tmp_path / "tiny", FAMILIES["llama"]()))


@pytest.fixture
def endless(monkeypatch):
    """A search that goes on and on, product by product, once it has begun."""
    began = threading.Event()

    def search(state, wanted, nats):
        while True:
            state.vjp(wanted[:, None])
            began.set()

    monkeypatch.setattr(least_push, "push_below", search)
    return began


def test_a_cheapest_push_below_the_readout_holds_up_no_other_ray_and_ends_when_it_is_left(
    folder, endless
):
    mine, others = Wishes(), Wishes()
    push = Choice(folder, "the cat sat", -1, DirectionSpec("cheapest", TOKEN), "block:0")
    long = explore.start_ray(push)
    mine.renew([long])
    assert endless.wait(PATIENCE)
    top = DirectionSpec("eig", 0)
    for prompt, site in (("a dog", "prelogit"), ("the cat sat", "block:0")):
        quick = explore.start_ray(Choice(folder, prompt, -1, top, site))
        others.renew([quick])
        along = quick.future.result(PATIENCE)
        assert along.analysis.state.site == site
        if not along.is_complete:
            assert explore.start_truth(along, top).future.result(PATIENCE)["kind"] == "sampled"
            # which comes once the truth is there
            plane = explore.start_plane(along, top, explore.start_truth(along, top))
            assert plane.future.result(PATIENCE)["levels"]
    assert not long.future.done()
    mine.renew([])
    with pytest.raises(StabilityError, match="was stopped"):
        long.future.result(PATIENCE)


@pytest.mark.parametrize("outcome", ["found", "failed"])
def test_the_plane_of_a_ray_comes_after_its_truth_be_there_one_or_not(folder, outcome):
    top, gate = DirectionSpec("eig", 0), threading.Event()
    ray = explore.start_ray(Choice(folder, f"the cat sat {outcome}", -1, top, "block:0"))
    along = ray.future.result(PATIENCE)

    def work(report):
        gate.wait(PATIENCE)
        if outcome == "failed":
            raise StabilityError("There is none: look elsewhere.")

    truth = Jobs(4).start("truth", work)
    plane = explore.start_plane(along, top, truth)
    while plane.progress != truth.progress:
        threading.Event().wait(0.01)
    assert plane.used == 0
    gate.set()
    assert plane.future.result(PATIENCE)["levels"]
