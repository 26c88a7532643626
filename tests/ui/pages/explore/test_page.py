"""The Explore page, rerun without a browser: the scene that it sends is the library's."""

import json
import threading
from dataclasses import replace

import numpy as np
import pytest
from support.app import explored, opened, plain_text, prompt_with, sent, use_results

import stability

# what a browser makes of a scene is tested in tests/instrument
from stability.curvature.direction_spec import DirectionSpec
from stability.errors import StabilityError
from stability.ui.cached import explore
from stability.ui.cached.background import Jobs
from stability.ui.choice import Choice
from stability.ui.pages.explore import scenes
from stability.ui.pages.explore.still import still

SURE = "The capital of France is"
pytestmark = pytest.mark.usefixtures("smollm2_folder")


@pytest.fixture
def lm(smollm2):
    return smollm2


@pytest.fixture
def page():
    app = opened()
    assert not app.exception
    explored(app)
    return app


def curvature(lm, prompt, direction=0):
    """`vᵀHv` along an eigendirection, or a vector."""
    state = lm.capture(prompt)
    if isinstance(direction, int):
        direction = stability.spectrum(state).vectors[:, direction]
    return stability.ray(state, direction).curvature


def along(scene, lm, prompt, direction=0):
    """Whether a scene is that of a prompt and a direction.

    The logits of one token and of all at once differ by the rounding of single precision, some 1e-6 of
    a nat; the curvature follows them.
    """
    return scene["setting"]["prompt"] == prompt and scene["line"]["variance"] == pytest.approx(
        curvature(lm, prompt, direction), rel=1e-4
    )


@pytest.fixture
def sent_while(monkeypatch):
    """What is sent for a page whose ray says how far it is, and does not come."""
    endless = threading.Event()

    def frame(message, fraction, **state):
        def work(choice, report):
            report(message, fraction)
            endless.wait()

        monkeypatch.setattr(explore, "_along", work)
        return sent(opened(**state))

    yield frame
    endless.set()


def test_as_long_as_there_is_nothing_to_be_seen_it_is_said_what_is_waited_for(sent_while):
    """As a link to a slow choice does on a server that has just been started."""
    frame = sent_while("Reading the prompt", 0.0, prompt="Nobody has asked this before")
    assert frame["scene"] is None
    assert frame["status"]["message"] == "Reading the prompt"


def test_the_shipped_scene_says_how_far_its_model_is(sent_while, monkeypatch):
    monkeypatch.setattr(explore, "_rays", Jobs(1))
    frame = sent_while("Fetching a model", 0.25)
    assert frame["scene"]["setting"]["prompt"] == SURE
    assert frame["status"] == {"message": "Fetching a model", "fraction": 0.25, "act": "stop"}


def test_the_page_opens_with_all_of_the_default(page, lm):
    scene = explored(page)
    assert along(scene, lm, SURE)
    assert scene["plane"] is not None
    assert all(token["radius"] for token in scene["tokens"])
    state = lm.capture(SURE)
    assert scene["numbers"]["entropy"] == pytest.approx(state.entropy, rel=1e-5)
    assert len(scene["numbers"]["calibrated"]) > 10
    assert (scene["status"], scene["notes"], scene["pins"]) == (None, [], [])


def test_another_prompt_and_direction_give_another_scene(page, lm):
    prompt_with(page, "Once upon a time")
    page.number_input(key="rank").set_value(3).run()
    assert along(explored(page), lm, "Once upon a time", 2)


def test_a_choice_that_was_left_and_come_back_to_is_complete(page):
    """What was computed for it may have been stopped when it was left."""
    prompt_with(page, "Another prompt to look at")
    for rank in (2, 1):
        page.number_input(key="rank").set_value(rank).run()
    scene = explored(page)
    assert scene["setting"]["direction"]["rank"] == 0
    assert scene["plane"] is not None
    assert all(token["radius"] for token in scene["tokens"])


def test_what_a_browser_has_is_not_sent_again(page):
    first = sent(page)
    page.run()
    assert sent(page) == first | {"run": first["run"] + 1}
    page.number_input(key="rank").set_value(2).run()
    explored(page)
    assert sent(page)["stamp"] > first["stamp"]


def test_a_refusal_sends_the_same_scene_anew(page):
    before = sent(page)
    page.session_state["refusals"] = 2
    page.run()
    after = sent(page)
    assert after["stamp"] > before["stamp"]
    assert after["scene"]["noted"] == 2
    assert after["scene"]["line"] == explored(page)["line"]


@pytest.mark.parametrize(
    ("prompt", "words"), [("", "at least one token"), ("word " * 9000, "at most 8192 tokens")]
)
def test_bad_input_is_one_sentence_and_the_last_picture_stays(page, prompt, words):
    before = explored(page)
    prompt_with(page, prompt)
    while sent(page)["again"] is not None:
        page.run()
    assert not page.exception
    assert [words in plain_text(error) for error in page.error] == [True]
    assert sent(page)["scene"]["line"] == before["line"]


def choose(page, kind, **fields):
    page.selectbox(key="kind").set_value(kind).run()
    for key, value in fields.items():
        (page.text_area if key == "numbers" else page.text_input)(key=key).set_value(value).run()
    assert not page.exception


def test_a_direction_between_two_tokens_by_their_spelling_or_their_id(page, lm):
    choose(page, "token difference", start="␣London", end="␣Paris")
    rows = lm.readout.W_U
    london, paris = (lm.tokenizer(text).input_ids[0] for text in (" London", " Paris"))
    scene = explored(page)
    assert along(scene, lm, SURE, rows[paris] - rows[london])
    assert scene["setting"]["direction"]["spec"] == f"tokens:{london},{paris}"
    choose(page, "token difference", start=str(london), end=str(paris))
    assert explored(page)["line"] == scene["line"]
    # an id, as the instrument gives, is shown as the text that a person would type
    assert [page.text_input(key=key).value for key in ("start", "end")] == ["␣London", "␣Paris"]


def test_a_token_whose_text_is_read_as_another_keeps_its_id(page, lm):
    """A digit would be an id, and a part of a character is no text."""
    [five] = lm.tokenizer("5").input_ids
    part, *_ = lm.tokenizer("語").input_ids
    choose(page, "token difference", start=str(five), end=str(part))
    assert [page.text_input(key=key).value for key in ("start", "end")] == [str(five), str(part)]
    assert explored(page)["setting"]["direction"]["spec"] == f"tokens:{five},{part}"


def test_the_box_of_examples_names_none_beside_another_prompt(page):
    page.selectbox(key="example").set_value("code").run()
    assert page.selectbox(key="example").value == "code"
    prompt_with(page, "one of my own")
    assert page.selectbox(key="example").value is None
    assert explored(page)["setting"]["prompt"] == "one of my own"


def test_the_cheapest_push_to_a_token_is_a_direction(page, lm):
    choose(page, "cheapest push to a token", goal="␣London")
    scene, [london] = explored(page), lm.tokenizer(" London").input_ids
    assert along(scene, lm, SURE, stability.cheapest_push(lm.capture(SURE), london).direction)
    assert scene["setting"]["direction"]["spec"] == f"cheapest:{london}"
    choose(page, "cheapest push to a token", goal=str(london))
    assert explored(page)["line"] == scene["line"]


def test_a_pasted_vector_is_a_direction(page, lm):
    vector = np.random.default_rng(0).standard_normal(lm.readout.width)
    choose(page, "a vector of your own", numbers=json.dumps(vector.tolist()))
    assert along(explored(page), lm, SURE, vector)
    assert not page.error


@pytest.mark.parametrize(
    ("kind", "fields", "words"),
    [
        ("a vector of your own", {"numbers": "[1, 2]"}, "576; received an array of shape (2,)"),
        ("a vector of your own", {"numbers": "hello"}, "is neither"),
        ("token difference", {"start": "two words"}, "A single token is needed"),
        ("token difference", {"start": "999999"}, "between 0 and 49151"),
        ("token difference", {"start": "␣the"}, "different rows of W_U"),
        ("cheapest push to a token", {"goal": "two words"}, "A single token is needed"),
        ("cheapest push to a token", {"goal": "␣Paris"}, "is already the most likely"),
        ("towards another prompt", {"other": ""}, "at least one token"),
        ("towards another prompt", {"other": SURE}, "lead to another state"),
    ],
)
def test_a_bad_direction_is_one_sentence_and_the_last_picture_stays(page, kind, fields, words):
    choose(page, kind)  # which may give a good picture itself
    before = explored(page)
    choose(page, kind, **fields)
    while sent(page)["again"] is not None:
        page.run()
    assert [words in plain_text(error) for error in page.error] == [True]
    assert sent(page)["scene"]["line"] == before["line"]


def test_a_vector_that_is_still_to_come_is_asked_for_and_no_error(page):
    before = explored(page)
    choose(page, "a vector of your own")
    assert not page.error
    assert any("Upload" in info.value for info in page.info)
    assert sent(page)["scene"] == before


def test_a_position_past_the_end_is_the_last_with_a_note(page):
    page.session_state["position"] = 99
    page.run()
    scene = explored(page)
    assert scene["setting"]["position"] == 4
    assert ["from 0 to 4; received 99" in note for note in scene["notes"]] == [True]


def test_an_example_fills_the_prompt(page):
    page.selectbox(key="example").set_value("code").run()
    assert "fibonacci" in page.session_state["prompt"]
    assert "fibonacci" in explored(page)["setting"]["prompt"]


def test_missing_results_leave_out_the_calibrated_radii_in_silence(page, tmp_path, monkeypatch):
    use_results(tmp_path, monkeypatch)
    prompt_with(page, "A prompt without results")
    scene = explored(page)
    assert scene["numbers"]["calibrated"] is None
    assert scene["notes"] == []


def test_damaged_results_are_said_in_one_sentence(page, tmp_path, monkeypatch):
    (tmp_path / "smollm2-135m.parquet").write_bytes(b"PAR1 but no more")
    use_results(tmp_path, monkeypatch)
    prompt_with(page, "A prompt with damaged results")
    scene = explored(page)
    [note] = scene["notes"]
    assert "is damaged" in note
    assert "take it from the repository again" in note
    assert scene["plane"] is not None


def test_below_the_readout_the_truth_follows_the_closed_form(page):
    page.selectbox(key="site").set_value("final").run()
    kinds = []
    while (frame := sent(page))["again"] is not None:
        kinds += [frame["scene"]["line"]["kind"]] if frame["scene"] else []
        page.run()
    scene = explored(page)
    assert scene["setting"]["site"] == "final"
    assert scene["line"]["kind"] == "sampled"
    assert "closed form" in kinds


def test_the_cloud_is_drawn_when_it_is_asked_for(page):
    assert not page.get("plotly_chart")
    page.session_state["cloud"] = 0.1
    page.run()
    assert not page.exception
    assert len(page.get("plotly_chart")) == 1


def test_a_cloud_is_told_to_the_browser_as_what_is_shown(page):
    assert sent(page)["view"]["picture"] == "region"
    page.session_state["cloud"] = 0.1
    assert sent(page.run())["view"]["picture"] == "cloud"


def test_a_picture_of_another_model_does_not_stay_after_an_error(page, monkeypatch):
    """The last picture of the same model stays, and is said to be the last."""
    prompt_with(page, "Another prompt")
    last = explored(page)
    page.session_state["other"] = "Another prompt"
    page.session_state["kind"] = "towards another prompt"
    while (frame := sent(page.run()))["again"] is not None:
        pass
    assert any("last choice" in caption.value for caption in page.caption)
    assert frame["scene"]["setting"] == last["setting"]
    monkeypatch.setattr(type(page.session_state["scenes"]), "model", "another")
    while (frame := sent(page.run()))["again"] is not None:
        pass
    assert frame["scene"] is None


def test_a_kept_ray_that_fails_is_said_once_in_a_sentence_and_the_rest_stays(page):
    model = page.session_state["model"]
    missing = Choice(model, SURE, 0, DirectionSpec("eig", 0), "block:400")
    good = Choice(model, SURE, -1, DirectionSpec("eig", 1))
    page.session_state["pins"] = (missing, good)
    page.run()
    scene = explored(page)
    [note] = scene["notes"]
    assert note.startswith("A kept ray is not shown: ")
    assert len(scene["pins"]) == 1


def test_what_is_waited_for_is_told_without_another_scene(page):
    page.selectbox(key="site").set_value("final").run()
    stamps, told = {}, set()
    while (frame := sent(page))["again"] is not None:
        told.add(json.dumps(frame["status"]))
        if frame["scene"]:
            stamps.setdefault(frame["stamp"], frame["scene"])
        page.run()
    drawn = [json.dumps({**scene, "notes": None}) for scene in stamps.values()]
    assert len(set(drawn)) == len(drawn)
    assert sent(page)["status"] is None


def test_a_part_that_another_session_gave_up_is_begun_again(page):
    prompt_with(page, "A prompt that two sessions share")
    scenes = page.session_state["scenes"]
    while not (scenes._parts and scenes._parts.plane):
        page.run()
    scenes._parts.plane.stop()
    page.run()
    assert explored(page)["plane"] is not None


def test_what_takes_its_time_is_stopped_and_gone_on_with(page, monkeypatch):
    monkeypatch.setattr(scenes, "QUIET", -1.0)
    let_go = threading.Event()
    along = explore._along

    def work(choice, report):
        let_go.wait()
        return along(choice, report)

    monkeypatch.setattr(explore, "_along", work)
    page.session_state["site"], page.session_state["block"] = "a block", 11
    assert sent(page.run())["status"]["act"] == "stop"
    page.session_state["stopped"] = page.session_state["choice"]
    frame = sent(page.run())
    said = "The picture is that of prelogit until block:11 is there."
    assert frame["status"] == {"message": "Stopped", "act": "go on", "still": said}
    assert frame["again"] is None
    # of another choice nothing is stopped, also after that
    page.session_state["block"] = 10
    assert sent(page.run())["status"]["act"] == "stop"
    page.session_state["block"] = 11
    assert sent(page.run())["status"]["act"] == "stop"
    page.session_state["stopped"] = page.session_state["choice"]
    let_go.set()
    page.session_state["stopped"] = None
    page.run()
    assert explored(page)["setting"]["site"] == "block:11"


def test_what_is_stopped_still_says_what_is_asked_for(page):
    page.session_state["stopped"] = page.session_state["choice"]
    page.session_state["refused"], page.session_state["refusals"] = ["Refused."], 1
    frame = sent(page.run())
    assert frame["status"]["act"] == "go on"
    assert (frame["scene"]["notes"], frame["scene"]["noted"]) == (["Refused."], 1)
    assert frame["scene"]["plane"] is not None


def test_a_picture_that_stands_while_another_is_computed_says_what_it_is_of(page, monkeypatch):
    monkeypatch.setattr(scenes, "QUIET", -1.0)
    let_go = threading.Event()

    def work(choice, report):
        let_go.wait()
        raise StabilityError("Nothing was found: look elsewhere.")

    monkeypatch.setattr(explore, "_along", work)
    page.session_state["site"], page.session_state["block"] = "a block", 12
    frame = sent(page.run())
    assert frame["scene"]["setting"]["site"] == "prelogit"
    still = "The picture is that of prelogit until block:12 is there."
    assert (frame["status"]["still"], frame["again"] is None) == (still, False)
    # where there will be none, nothing is waited for any more
    let_go.set()
    while (frame := sent(page.run()))["again"] is not None:
        pass
    assert frame["status"] is None


def test_the_part_that_differs_is_named():
    choice = Choice("tiny", "a cat", -1, DirectionSpec("eig", 0))
    assert still(choice, choice) == still(None, choice) == {}
    for part, other, name in (
        ("model", "large", "the last model"),
        ("prompt", "a dog", "the last prompt"),
        ("position", 0, "the last token"),
        ("direction", DirectionSpec("eig", 1), "the last direction"),
        ("second", 3, "the last plane"),
        ("site", "final", "prelogit until final"),
    ):
        assert name in still(choice, replace(choice, **{part: other}))["still"]
