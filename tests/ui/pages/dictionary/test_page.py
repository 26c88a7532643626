"""The Dictionary page: a file by its path, its rows ranked and found, and one opened in Explore."""

import numpy as np
import pytest
from support.app import DICTIONARY, explored, opened, plain_text, press
from support.models import FAMILIES, PROMPT, WIDTH, save_model
from support.vector_files import jacobian_lens, sae_folder

import stability
from stability.curvature.given_vector import pasted
from stability.ui.cached.dictionary import DictionaryKey, FileKey
from stability.ui.cached.states import StateKey
from stability.ui.pages.dictionary.listing import address_of, vector_of

pytestmark = pytest.mark.slow
ROWS = np.random.default_rng(0).standard_normal((40, WIDTH)).astype(np.float32)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(save_model(tmp_path_factory.mktemp("tiny"), FAMILIES["llama"]()))


@pytest.fixture
def folder(tmp_path):
    return str(sae_folder(tmp_path / "sae", "blocks.0.hook_resid_post", ROWS))


@pytest.fixture
def page(model, folder, monkeypatch):
    monkeypatch.setenv("STABILITY_ALLOW_PATHS", "1")
    app = opened(DICTIONARY, model=model, prompt=PROMPT, dictionary_path=folder)
    # a path that a link names is not read before a person asks for it
    assert "dictionary_site" not in app.session_state
    press(app, "Open")
    assert not app.error
    return app


def shown(page):
    assert not page.exception
    assert not page.error
    [frame] = page.dataframe
    return frame.value


def test_all_rows_are_ranked_at_the_site_that_the_file_names(page, model, folder):
    assert "where the file says" in page.selectbox(key="dictionary_site").value
    press(page, "Measure 40 rows")
    state = stability.load(model).capture(PROMPT, site="block:0")
    found = stability.dictionary(state, folder)
    rows = found.with_truth(found.ranked(0.01, 8))
    table = shown(page)
    assert table["row"].tolist() == [str(row.index) for row in rows]
    assert table["radius r"].astype(float).tolist() == pytest.approx(
        [row.radius for row in rows], rel=5e-3
    )
    assert table["boundary +"].astype(float).tolist() == pytest.approx(
        [row.boundary[1] for row in rows], rel=5e-3
    )
    assert "certified +" not in table
    said = " ".join(plain_text(caption) for caption in page.caption)
    assert "were extracted at blocks.0.hook_resid_post, and are measured at block:0" in said
    assert "nothing is certified" in said


def test_at_the_readout_brackets_are_certified_and_the_other_site_is_said(page, model):
    page.selectbox(key="dictionary_site").set_value("prelogit").run()
    press(page, "Measure 40 rows")
    table = shown(page)
    assert len(table) == 20
    assert " to " in table["certified +"][0]
    [warning] = page.warning
    assert "extracted at blocks.0.hook_resid_post; here" in plain_text(warning)
    found = stability.dictionary(stability.load(model).capture(PROMPT), ROWS)
    page.text_input(key="dictionary_search").set_value("the").run()
    rows = found.search("the").tolist()
    assert shown(page)["row"].tolist() == [str(row) for row in rows[:20]] != []
    page.text_input(key="dictionary_search").set_value("no such token").run()
    assert not page.dataframe
    assert "No row pushes such a token" in page.info[0].value


def test_a_row_is_opened_as_it_is_whatever_layer_its_files_name_says(model, tmp_path):
    np.save(tmp_path / "layer_1.npy", ROWS)
    state = stability.load(model).capture(PROMPT)
    given = vector_of(stability.dictionary(state, tmp_path / "layer_1.npy"), 3)
    direction = pasted(state, given.data, given.name, given.entry)
    assert (direction.label, direction.warnings) == ("layer_1.npy#3", ())
    unit = ROWS[3] / np.linalg.norm(ROWS[3].astype(float))
    assert direction.vector.numpy() == pytest.approx(unit, rel=1e-12)


def test_a_row_is_opened_by_its_address_which_a_link_holds(page, model, folder):
    explore = opened(model=model, prompt=PROMPT)
    path = f"{folder}#3"
    explore.session_state["kind"] = "a file on this computer"
    explore.session_state["direction_path"] = path
    explore.run()
    assert "read it, in the side bar" in explore.info[0].value
    press(explore, "Read it")
    scene = explored(explore)
    assert scene["setting"]["direction"]["spec"] == f"file:{path}"
    ray = stability.ray(stability.load(model).capture(PROMPT), ROWS[3])
    assert scene["line"]["variance"] == pytest.approx(ray.curvature, rel=1e-4)


def test_a_row_of_an_upload_or_of_a_lens_has_no_address(model, folder, tmp_path, monkeypatch):
    state = stability.load(model).capture(PROMPT, site="block:0")
    key = DictionaryKey(FileKey.of(folder), StateKey(model, PROMPT, 0, "block:0"))
    assert address_of(key, stability.dictionary(state, folder), 3) == f"{folder}#3"
    (tmp_path / "lens.pt").write_bytes(jacobian_lens({0: np.eye(WIDTH)}))
    lens = stability.dictionary(state, tmp_path / "lens.pt")
    assert address_of(key, lens, 3) is None
    # as every file in the folder of a session
    monkeypatch.setattr("stability.ui.uploads._folders", {tmp_path.resolve()})
    assert address_of(key, stability.dictionary(state, folder), 3) is None


BAD = {
    "absent": ("absent.npy", "must be readable"),
    "a map": ("square.npy", "is a map of 32×32"),
    "too narrow": ("narrow.npy", "must have as many components as the state, 32"),
}


@pytest.mark.parametrize(("name", "words"), BAD.values(), ids=BAD)
def test_what_is_no_dictionary_is_answered_in_a_sentence(page, tmp_path, name, words):
    np.save(tmp_path / "square.npy", np.eye(32))
    np.save(tmp_path / "narrow.npy", np.ones((5, 7)))
    page.text_input(key="dictionary_typed").set_value(str(tmp_path / name)).run()
    buttons = [button for button in page.main.button if button.label.startswith("Measure")]
    if buttons:
        buttons[0].click().run()
    assert not page.exception
    assert words in plain_text(page.error[0])
