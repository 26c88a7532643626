"""The scene of a dose: plain data that says what the library says."""

import json

import numpy as np
import pytest
from support.models import WIDTH
from support.steering import TEXT, divergences, random_vector, steered_logits

import stability
from stability.errors import StabilityError
from stability.steering.passes.steered_text import SteeredText
from stability.steering.scenes import scene_parts
from stability.steering.scenes.scene import dose_scene
from stability.vector_files.registry import parse_vectors

V = random_vector(WIDTH, length=3.0)


@pytest.fixture(scope="module")
def dose(lm):
    return stability.dose(lm, V, TEXT, site="block:0")


def kl_at(lm, c):
    """Divergences of every token at a coefficient, in float64 by plain hooks."""
    logits, steered = (steered_logits(lm, TEXT, {0: V}, each).detach() for each in (0.0, c))
    return divergences(logits, steered).numpy()


def test_it_is_plain_and_names_its_setting(dose):
    scene = dose_scene(dose, {"numbers": True}, notes=["a note"])
    assert json.loads(json.dumps(scene, allow_nan=False)) == scene
    assert scene["setting"]["prompt"] == TEXT
    assert scene["notes"] == ["a note"]
    vector = scene["setting"]["vector"]
    assert (vector["site"], vector["mode"], vector["norm"]) == ("block:0", "add", 3.0)
    assert [token["information"] for token in scene["tokens"]] == dose.information[0].tolist()
    assert (scene["truth"], scene["layers"], scene["written"]) == (None, None, None)


def test_the_vector_is_in_it_to_the_last_bit(dose):
    import base64

    scene = dose_scene(dose, {})
    [entry] = parse_vectors(
        base64.b64decode(scene["setting"]["vector"]["npy"]), "vector.npy"
    ).entries
    assert np.array_equal(entry.vector, V)


def test_statistics_of_the_information_leave_out_the_first_token(dose):
    [found] = dose.information
    statistics = scene_parts.by_statistic(found)
    assert statistics["last"] == found[-1]
    assert statistics["mean"] == pytest.approx(found[1:].mean())
    assert statistics["p95"] == pytest.approx(np.quantile(found[1:], 0.95))
    assert scene_parts.by_statistic(found[:1])["mean"] is None


def test_a_pass_says_the_divergence_of_every_token_and_who_leads(lm, dose):
    part = scene_parts.pass_part(dose.texts[0], -1.5)
    # float32 against float64
    np.testing.assert_allclose(part["kl"], kl_at(lm, -1.5), rtol=1e-3, atol=1e-7)
    steered = steered_logits(lm, TEXT, {0: V}, -1.5)
    assert [one["id"] for one in part["leading"]] == steered.argmax(-1).tolist()


def test_the_truth_is_where_the_statistics_cross_and_curves_pass_through(lm, dose):
    part = scene_parts.truth_part(dose)
    for row in part["doses"]:
        for side, sign in (("minus", -1), ("plus", 1)):
            if (c := row[side]) is None:
                continue
            value = scene_parts.statistics.of_text(
                row["statistic"], kl_at(lm, sign * c)[:, None], 0
            )
            # a coefficient to a thousandth, of a curve that grows with its square or faster
            assert value[0] == pytest.approx(row["epsilon"], rel=1e-2)
    curves = part["curves"]
    assert curves["c"] == sorted(curves["c"])
    assert curves["c"][0] == pytest.approx(-curves["c"][-1])
    for i in (0, 3, len(curves["c"]) - 1):
        expected = kl_at(lm, curves["c"][i])
        assert curves["mean"][i] == pytest.approx(expected[1:].mean(), rel=1e-3, abs=1e-8)
        assert curves["last"][i] == pytest.approx(expected[-1], rel=1e-3, abs=1e-8)


def test_a_side_says_whether_it_is_reached(dose):
    part = scene_parts.truth_part(dose)
    for row in part["doses"]:
        for side, kind in zip(("minus", "plus"), row["kinds"], strict=True):
            assert (kind == "reached") == (row[side] is not None)
            assert kind in ("reached", "not reached", "unresolved")


def test_of_one_token_alone_a_statistic_over_others_is_undefined_and_not_lost_in_rounding(lm):
    part = scene_parts.truth_part(stability.dose(lm, V, "a", site="block:0"))
    for row in part["doses"]:
        if row["statistic"] == "last":
            assert "undefined" not in row["kinds"]
        else:
            assert tuple(row["kinds"]) == ("undefined", "undefined")


def test_where_the_last_token_is_changed_all_statistics_are_its_own(lm):
    found = stability.dose(lm, V, TEXT, site="block:0", positions="last")
    scene = dose_scene(found, {})
    assert scene["start"] == len(scene["tokens"]) - 1
    assert set(scene["information"].values()) == {found.information[0][-1]}
    assert scene["information"]["p95"] > 0
    layers = scene_parts.layers_part(stability.dose_map(lm, V, TEXT, "last"))
    for layer in layers:
        assert len(set(layer["information"].values())) == 1


def test_every_run_of_the_network_is_told_and_may_end_the_work(dose, monkeypatch):
    runs, told = [], []
    vectors = SteeredText.vectors
    monkeypatch.setattr(SteeredText, "vectors", lambda self, c: runs.append(c) or vectors(self, c))
    scene_parts.truth_part(dose, lambda: told.append(len(runs)))
    # but for the first, which finds what rounding hides
    assert told == [*range(1, len(runs))]

    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scene_parts.truth_part(dose, stop)


def test_a_dose_of_the_other_divergence_has_no_scene(lm):
    with pytest.raises(StabilityError, match="without `reverse`"):
        dose_scene(stability.dose(lm, V, TEXT, site="block:0", reverse=True), {})


def test_prices_are_listed_for_every_token(dose):
    part = scene_parts.prices_part(dose)
    assert len(part) == len(dose.texts[0].tokens)
    for position, sides in enumerate(part):
        for side, prices in zip(("minus", "plus"), dose.prices(position, 5), strict=True):
            assert [one["coefficient"] for one in sides[side]] == [p.coefficient for p in prices]


def test_layers_are_those_of_the_map(lm, dose):
    found = stability.dose_map(lm, dose.vector, TEXT)
    part = scene_parts.layers_part(found)
    assert [layer["site"] for layer in part] == list(found.sites)
    for layer, predicted in zip(part, found.predicted(0.1, "p95"), strict=True):
        assert (0.2 / layer["information"]["p95"]) ** 0.5 == pytest.approx(predicted)
    here = next(layer for layer in part if layer["site"] == "block:0")
    assert here["information"] == pytest.approx(
        scene_parts.by_statistic(dose.information[0]), rel=1e-4
    )


def test_texts_are_written_at_the_predicted_doses_of_a_side(dose):
    one = (2.0 / dose.information[0][-1]) ** 0.5
    named = scene_parts.writing_coefficients(dose, "last", -1)
    assert [*named] == ["0", "c(0.1)", "c(1)", "2·c(1)"]
    assert [*named.values()] == pytest.approx([0, -one / 10**0.5, -one, -2 * one])
