"""What is set on one page is there when it is opened again."""

import json

import numpy as np
import pytest
from support.app import DEPTH, DICTIONARY, explored, open_section, opened, plain_text
from support.models import FAMILIES, PROMPT, WIDTH, save_model
from support.vector_files import control_vector

from stability.ui.cached.models import loaded
from stability.ui.direction_choice import Pasted
from stability.ui.pages.depth.link import SECTIONS

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two tiny models, the second with one block less."""
    small, smaller = FAMILIES["llama"](), FAMILIES["llama"]()
    small.num_hidden_layers, smaller.num_hidden_layers = 3, 2
    made = [tmp_path_factory.mktemp("tiny") for _ in range(2)]
    return [str(save_model(f, c)) for f, c in zip(made, (small, smaller), strict=True)]


def left_and_returned(app, page):
    app.switch_page(DICTIONARY).run()
    assert not app.exception
    app.switch_page(page).run()
    assert not app.exception
    return app


def test_the_depth_page_keeps_its_section_and_what_is_set_in_it(folders):
    app = opened(DEPTH, model=folders[0], prompt=PROMPT)
    open_section(app, SECTIONS[3])
    app.text_input(key="prompt_b").set_value("a dog ran").run()
    app.number_input(key="interpolation_block").set_value(2).run()
    left_and_returned(app, DEPTH)
    assert app.segmented_control(key="section").value == SECTIONS[3]
    assert app.text_input(key="prompt_b").value == "a dog ran"
    assert app.number_input(key="interpolation_block").value == 2
    open_section(app, SECTIONS[2])
    app.selectbox(key="write_site").set_value("block:2").run()
    app.slider(key="write_n").set_value(5).run()
    left_and_returned(app, DEPTH)
    assert (app.selectbox(key="write_site").value, app.slider(key="write_n").value) == (
        "block:2",
        5,
    )


def test_blocks_end_where_the_model_does_and_stay_in_range_when_it_changes(folders):
    app = opened(DEPTH, model=folders[0], prompt=PROMPT, section=SECTIONS[3])
    assert app.number_input(key="interpolation_block").max == 2
    app.number_input(key="interpolation_block").set_value(2).run()
    app.session_state["model"] = folders[1]
    app.run()
    assert not app.exception
    assert app.number_input(key="interpolation_block").value == 1
    app = opened(model=folders[0], prompt=PROMPT, site="a block", block=2)
    # blocks are counted once a model is loaded, which is let go where no session holds it
    loaded(folders[0])
    app.run()
    assert app.number_input(key="block").max == 2
    app.session_state["model"] = folders[1]
    app.run()
    loaded(folders[1])
    app.run()
    assert not app.exception
    assert (app.number_input(key="block").max, app.number_input(key="block").value) == (1, 1)


def test_an_uploaded_vector_stays_until_another_is_asked_for(folders):
    app = opened(model=folders[0], prompt=PROMPT, kind="a vector of your own")
    vector = json.dumps([1.0, *[0.0] * (WIDTH - 1)]).encode()
    app.session_state["kept_vector"] = Pasted("mine.json", vector)
    app.run()
    left_and_returned(app, "app.py")
    assert any("mine.json" in plain_text(caption) for caption in app.caption)
    app.button(key="drop_vector").click().run()
    assert not app.exception
    assert not any("mine.json" in plain_text(caption) for caption in app.caption)
    assert app.text_area(key="numbers").value == ""


def test_of_an_uploaded_file_with_several_vectors_the_one_of_the_site_or_a_named_one_is_used(
    folders, tmp_path
):
    data = control_vector(tmp_path / "v", {1: np.eye(WIDTH)[0], 2: np.eye(WIDTH)[1]})
    app = opened(model=folders[0], prompt=PROMPT, kind="a vector of your own")
    app.session_state["kept_vector"] = Pasted("v.gguf", data)
    explored(app.run())
    assert any("has block:1, block:2, and not prelogit" in plain_text(e) for e in app.error)
    chosen = app.selectbox(key="kept_entry")
    assert chosen.options == [
        "the one that belongs to the site",
        "direction.1 (block:1)",
        "direction.2 (block:2)",
    ]
    scene = explored(chosen.select("direction.2").run())
    assert not app.error
    assert scene["setting"]["direction"]["label"] == "v.gguf#direction.2"
    assert any("here it is applied at prelogit" in note for note in scene["notes"])
