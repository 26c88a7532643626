"""The Dose page, rerun without a browser: the scene that it sends is the library's."""

import io

import numpy as np
import pytest
from support.app import DOSE, explored, opened, plain_text, sent
from support.models import PROMPT, WIDTH
from support.steering import divergences, random_vector, steered_logits

import stability
from stability.defaults import DOSE_STATISTICS
from stability.steering.texts.written import steered_texts
from stability.steering.vectors.pairs import read_pairs
from stability.ui.cached.models import loaded
from stability.ui.dose_choice import BLOCKS, FromContent
from stability.ui.pages.dose import defaults

# what a browser makes of a scene is tested in tests/instrument
pytestmark = pytest.mark.slow
V = random_vector(WIDTH, length=2.0)


def scene_of(page):
    return explored(page, sheet="dose")


def contrast(lm, page, block=1):
    return stability.contrast_vector(lm, *read_pairs(page.session_state["pairs"]), f"block:{block}")


def npy(vector):
    file = io.BytesIO()
    np.save(file, vector)
    return file.getvalue()


def error_of(page):
    [error] = page.error
    return plain_text(error)


def test_the_page_opens_with_all_of_a_vector_that_is_made_at_once(page, lm):
    scene = scene_of(page)
    dose = stability.dose(lm, contrast(lm, page), PROMPT)
    found = [token["information"] for token in scene["tokens"]]
    # float32 on other threads
    assert found == pytest.approx(dose.information[0].tolist(), rel=1e-4)
    for budget in dose.budgets([0.01, 0.1, 1.0], *DOSE_STATISTICS):
        [row] = [
            row
            for row in scene["truth"]["doses"]
            if (row["epsilon"], row["statistic"]) == (budget.epsilon, budget.statistic)
        ]
        assert row["minus"] == pytest.approx(budget.minus, rel=3e-3)
        assert row["plus"] == pytest.approx(budget.plus, rel=3e-3)
    assert [layer["site"] for layer in scene["layers"]] == ["block:0", "block:1", "block:2"]
    prices = [one["id"] for one in scene["prices"][-1]["plus"]]
    assert prices == [price.id for price in dose.prices(-1, 5)[1]]
    coefficients = [text["coefficient"] for text in scene["written"]["texts"]]
    texts = steered_texts(lm, PROMPT, dose.vector, coefficients)
    assert [[t["id"] for t in text["tokens"]] for text in scene["written"]["texts"]] == [
        [token.id for token in text.tokens] for text in texts
    ]
    assert (scene["status"], scene["notes"]) == (None, [])
    [site] = scene["setting"]["vector"]["sites"]
    assert (site["site"], site["extracted"]) == ("block:1", "block:1")


def test_the_network_is_run_where_the_hand_rests(page, lm):
    scene_of(page)
    page.session_state["dose_coefficients"] = (-1.5, 2.0)
    page.run()
    passes = scene_of(page)["passes"]
    assert [one["c"] for one in passes] == [-1.5, 2.0]
    v = contrast(lm, page).vectors["block:1"]
    logits, steered = (steered_logits(lm, PROMPT, {1: v}, c).detach() for c in (0.0, 2.0))
    np.testing.assert_allclose(passes[1]["kl"], divergences(logits, steered), rtol=1e-3, atol=1e-7)


def test_a_layer_that_is_chosen_has_the_dose_that_the_picture_says(page):
    before = scene_of(page)
    page.session_state["applied"], page.session_state["applied_block"] = "block", 2
    page.run()
    after = scene_of(page)
    [site] = after["setting"]["vector"]["sites"]
    assert (site["site"], site["extracted"]) == ("block:2", "block:1")
    assert after["information"] == pytest.approx(before["layers"][2]["information"], rel=1e-4)
    assert after["layers"] == before["layers"]


def test_texts_of_another_statistic_take_the_place_of_those_before(page):
    first = scene_of(page)["written"]
    page.session_state["dose_writing"] = ("last", -1)
    page.run()
    scene = scene_of(page)
    assert scene["wanted"] == {"statistic": "last", "sign": -1}
    assert (scene["written"]["statistic"], scene["written"]["sign"]) == ("last", -1)
    assert scene["written"]["texts"][1]["coefficient"] < 0 < first["texts"][1]["coefficient"]


def test_a_file_is_applied_where_the_person_says_if_it_does_not(folder, lm):
    given = FromContent("mine.npy", npy(V))
    page = opened(DOSE, model=folder, prompt=PROMPT, vector="file", vector_file=given)
    assert "needs a site" in error_of(page)
    assert "choose in the side bar where it is applied" in error_of(page)
    page.session_state["applied"], page.session_state["applied_block"] = "block", 0
    page.run()
    assert not page.error
    scene = scene_of(page)
    expected = stability.dose(lm, V, PROMPT, site="block:0").information[0]
    found = [token["information"] for token in scene["tokens"]]
    assert found == pytest.approx(expected.tolist(), rel=1e-4)
    assert scene["setting"]["vector"]["source"] == {"file": "mine.npy", "name": None}


def test_a_lone_vector_that_says_its_site_may_be_chosen_for_another(folder):
    given = FromContent("layer_1.npy", npy(V))
    page = opened(DOSE, model=folder, prompt=PROMPT, vector="file", vector_file=given)
    assert scene_of(page)["setting"]["vector"]["site"] == "block:1"
    page.session_state["applied"], page.session_state["applied_block"] = "block", 0
    page.run()
    assert "one of its sites, or which vector of it is meant" in error_of(page)
    page.selectbox(key="vector_entry").set_value("vector").run()
    assert not page.error
    assert scene_of(page)["setting"]["vector"]["site"] == "block:0"


def test_one_of_several_vectors_is_chosen_and_where_each_belongs_is_shown(folder, tmp_path):
    vectors = {f"block:{block}": random_vector(WIDTH, seed=block) for block in (1, 2)}
    path = tmp_path / "two.gguf"
    stability.write_vectors(stability.SteeringVector("two", "array", vectors), path)
    given = FromContent("two.gguf", path.read_bytes())
    page = opened(DOSE, model=folder, prompt=PROMPT, vector="file", vector_file=given)
    # both, each at its own site
    assert scene_of(page)["setting"]["vector"]["site"] == "block:1,block:2"
    choice = page.selectbox(key="vector_entry")
    assert [option.split(" (")[-1] for option in choice.options[1:]] == ["block:1)", "block:2)"]
    choice.set_value("direction.2").run()
    scene = scene_of(page)
    assert scene["setting"]["vector"]["site"] == "block:2"
    assert scene["setting"]["vector"]["source"] == {"file": "two.gguf", "name": "direction.2"}


def test_pasted_numbers_are_a_vector_and_projecting_it_out_is_another_dose(folder, lm):
    numbers = str(V.tolist())
    page = opened(
        DOSE,
        model=folder,
        prompt=PROMPT,
        vector="numbers",
        numbers=numbers,
        applied="block",
        applied_block=1,
        vector_mode="project",
        at="last",
    )
    scene = scene_of(page)
    expected = stability.dose(
        lm, V, PROMPT, site="block:1", mode="project", positions="last"
    ).information[0]
    found = [token["information"] for token in scene["tokens"]]
    assert found == pytest.approx(expected.tolist(), rel=1e-4)
    assert scene["setting"]["vector"]["mode"] == "project"


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("pairs", "no partner", "line 1 holds 1"),
        ("at", "99", "position"),
        ("at", "some", "all, last, or indices"),
    ],
)
def test_what_cannot_be_is_said_in_one_sentence_and_the_last_picture_stays(page, key, value, said):
    before = scene_of(page)
    page.session_state[key] = value
    page.run()
    assert said in error_of(page)
    frame = sent(page, "dose")
    assert (frame["again"], frame["status"]) == (None, None)
    assert frame["scene"] == before
    assert not page.exception


def test_a_vector_of_another_width_is_refused(folder):
    given = FromContent("wide.npy", npy(np.ones(WIDTH + 1)))
    page = opened(
        DOSE, model=folder, prompt=PROMPT, vector="file", vector_file=given, applied="block"
    )
    assert f"as many components as the state that it changes, {WIDTH}" in error_of(page)


def test_a_refused_vector_leaves_the_last_one_which_is_computed_to_its_end(folder):
    page = opened(
        DOSE,
        model=folder,
        prompt=PROMPT,
        vector="file",
        vector_file=FromContent("good.npy", npy(V)),
        applied="block",
    )
    # as soon as it is shown, another one is given
    while sent(page, "dose")["scene"] is None:
        page.run()
    page.session_state["vector_file"] = FromContent("wide.npy", npy(np.ones(WIDTH + 1)))
    page.run()
    scene = scene_of(page)
    assert "as many components as the state" in error_of(page)
    assert any("the last vector, good.npy." in plain_text(caption) for caption in page.caption)
    assert scene["truth"] is not None
    assert scene["layers"] is not None


def test_until_a_vector_is_given_the_page_asks_for_one(folder):
    page = opened(DOSE, model=folder, prompt=PROMPT, vector="file")
    [info] = page.info
    assert "Give a vector" in info.value


def linked(folder, **query):
    from streamlit.testing.v1 import AppTest
    from support.paths import ROOT

    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    app.switch_page(DOSE)
    for name, value in ({"model": folder} | query).items():
        app.query_params[name] = value
    return app.run()


def test_a_link_holds_what_the_server_needs(page):
    scene_of(page)
    link = page.query_params
    expected = {"pairs": page.session_state["pairs"], "measured": "1", "prompt": PROMPT}
    assert {name: np.ravel(link[name])[0] for name in expected} == expected


def test_a_link_to_a_file_asks_for_it_again_and_reads_no_path_unasked(folder, tmp_path):
    app = linked(folder, prompt=PROMPT, vector="file", file="0123456789abcdef:happy.gguf")
    assert any("happy.gguf" in note for note in app.session_state["link_notes"])
    path = tmp_path / "mine.npy"
    path.write_bytes(npy(V))
    app = linked(folder, prompt=PROMPT, vector="path", vector_path=str(path), applied="block")
    assert [info.value for info in app.info]
    [button] = [button for button in app.button if button.label == "Read it"]
    button.click().run()
    assert not app.error
    assert scene_of(app)["setting"]["vector"]["source"]["file"] == str(path)


def test_the_shipped_scene_is_that_of_the_page_as_it_opens(smollm2_folder):
    page = opened(DOSE)
    assert sent(page, "dose")["scene"] == defaults.shipped()
    assert page.session_state["dose_choice"] == defaults.CHOICE
    assert loaded(defaults.CHOICE.model).card.n_layers == BLOCKS[defaults.CHOICE.model]
