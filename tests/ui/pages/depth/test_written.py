"""What the model would write: the library's texts, and where a push stays."""

from dataclasses import replace

import numpy as np
import pytest
from support.app import DEPTH, array, in_bold, open_section, opened, pictures, plain_text
from support.models import PROMPT

import stability
from stability.geometry.continuation import LEAST_KL
from stability.models.generation import continuations
from stability.ui import wording
from stability.ui.pages.depth.link import SECTIONS
from stability.ui.pages.depth.written import LONGEST_CONTINUATION

pytestmark = pytest.mark.slow


def test_what_is_written_is_what_the_library_writes(page, lm):
    open_section(page, SECTIONS[2])
    page.selectbox(key="write_site").set_value("block:1").run()
    page.slider(key="write_n").set_value(8).run()
    page.number_input(key="write_t").set_value(-5.0).run()
    state = lm.capture(PROMPT, site="block:1")
    v = stability.spectrum(state).vectors[:, 0]
    r = stability.ray(state, v).predicted_radius(0.01)
    distances = {
        "t = 0": 0,
        "r/2": r / 2,
        "r": r,
        "2r": 2 * r,
        "−r": -r,
        "−2r": -2 * r,
    }
    for sign, side in zip((-1, 1), stability.ray(state, v).flips(1), strict=True):
        for flip in side:
            t = sign * 1.02 * flip.distance
            far = ", longer than the vector" if abs(t) > state.norm else ""
            distances[f"t = {wording.number(t)}, past a flip{far}"] = t
    distances["t = −5.00"] = -5.0
    texts = continuations(lm, state, v, [float(t) for t in distances.values()], 8)
    assert in_bold(page) == [
        f"**{name}** &nbsp; {wording.written(text)}"
        for name, text in zip(distances, texts, strict=True)
    ]
    notes = [caption.value for caption in page.caption]
    assert any(f"r = {wording.number(r)} at ε = 0.01 nats" in note for note in notes)
    assert [note for note in notes if note in map(wording.steps, texts)] == [
        *map(wording.steps, texts)
    ]
    lines = [t for t in pictures(page)["writing"]["data"] if t["mode"] == "lines"]
    # the legend has room for the distance alone
    assert [line["name"] for line in lines] == [name.partition(",")[0] for name in distances][1:]
    for line, text in zip(lines, texts[1:], strict=True):
        np.testing.assert_allclose(array(line["y"]), np.maximum(text.kl, LEAST_KL), rtol=1e-3)


def written_alike(monkeypatch, least):
    """Make all texts the same that are nearer than some times the shortest push."""

    def alike(lm, state, direction, distances, n):
        first, *others = continuations(lm, state, direction, distances, n)
        shortest = min(abs(text.distance) for text in others)
        same = {"tokens": first.tokens, "first_difference": None}
        return [first] + [
            replace(
                text, **(same if abs(text.distance) < least * shortest else {"first_difference": 1})
            )
            for text in others
        ]

    monkeypatch.setattr("stability.ui.cached.depth.continuations", alike)


def test_where_no_push_changes_a_word_a_longer_one_is_offered(page, monkeypatch):
    written_alike(monkeypatch, np.inf)
    open_section(page, SECTIONS[2])
    # another number of tokens: nothing is taken from what has been written before
    page.slider(key="write_n").set_value(7).run()
    [hint] = page.info
    assert "Push further" in hint.value
    [button] = [button for button in page.button if button.key == "write_further"]
    further = float(button.label.split(" = ")[1].split(",")[0])
    button.click().run()
    assert page.number_input(key="write_t").value == pytest.approx(further, rel=5e-3)
    assert any(f"t = {wording.number(further)}" in said for said in in_bold(page))


def test_where_only_a_longer_push_changes_a_word_it_is_said_at_which_distance(page, monkeypatch):
    # the shortest push is half of r
    written_alike(monkeypatch, 4.5)
    open_section(page, SECTIONS[2])
    page.number_input(key="write_t").set_value(1e3).run()
    page.slider(key="write_n").set_value(6).run()
    [hint] = page.info
    assert hint.value.startswith("Within 2r all texts are the same")
    assert not [button for button in page.button if button.key == "write_further"]


@pytest.mark.parametrize(
    ("site", "sentence"),
    [("prelogit", "only through the token"), ("final", "only through"), ("block:0", "also stays")],
)
def test_it_is_said_where_a_push_stays(page, site, sentence):
    open_section(page, SECTIONS[2])
    page.selectbox(key="write_site").set_value(site).run()
    assert not page.exception
    assert not page.error
    assert any(sentence in caption.value for caption in page.caption)


def test_a_text_without_room_is_one_sentence(folder, lm):
    context = lm.model.config.max_position_embeddings
    prompt = "z" * (context - 10)
    page = opened(DEPTH, model=folder, prompt=prompt, section=SECTIONS[2])
    assert not page.exception
    [error] = page.error
    assert f"there is room for {context - len(lm.tokenize(prompt))}, not for 24" in plain_text(
        error
    )
    page.slider(key="write_n").set_value(5).run()
    assert not page.error
    assert context >= LONGEST_CONTINUATION
