"""What is copied of a dose: run as it stands, it gives the numbers that were on the screen."""

import base64
import contextlib
import io
import json
import re
import shlex

import pytest
from support.models import FAMILIES, WIDTH, byte_tokenizer, save_model
from support.steering import random_vector

import stability
from stability import cli
from stability.steering.scene import dose_scene
from stability.steering.scene_parts import truth_part

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PROMPT = "it's \"q\" --\\n\na b"
V = random_vector(WIDTH, length=2.0)
TAKEN = """async (scene) => {
    const { doseModel } = await import("/dose_model.js");
    const { INITIAL } = await import("/dose_view.js");
    const { dosePython, doseCommandLine } = await import("/dose_snippets.js");
    const model = doseModel(scene, INITIAL);
    return [dosePython(model), doseCommandLine(model)];
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model whose tokenizer reads any text."""
    return save_model(tmp_path_factory.mktemp("a model"), FAMILIES["llama"](), byte_tokenizer())


@pytest.fixture(scope="module")
def lm(folder):
    return stability.load(str(folder), device="cpu")


def printed(act):
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        act()
    return said.getvalue()


def scenes(lm):
    """A scene of each kind of vector, whose program makes it again."""
    pairs = (["a cat", "the cat's"], ["a dog", 'the "dog"'])
    made = stability.contrast_vector(lm, *pairs, "block:0", "pca")
    moved = stability.SteeringVector(
        made.file, made.format, {"block:1": made.vectors["block:0"]}, "project"
    )
    yield moved, "all", {"pairs": pairs, "method": "pca", "site": "block:0"}
    yield stability.SteeringVector("pasted", "JSON", {"block:1": V}), "last", {"numbers": True}


def test_the_program_and_the_command_line_give_the_shown_doses(blank, lm, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for vector, positions, source in scenes(lm):
        dose = stability.dose(lm, vector, PROMPT, positions=positions)
        scene = dose_scene(dose, source, truth=truth_part(dose))
        program, command = blank.evaluate(TAKEN, json.loads(json.dumps(scene)))
        shown = {
            (row["epsilon"], row["statistic"]): (row["minus"], row["plus"])
            for row in scene["truth"]["doses"]
        }
        lines = printed(lambda program=program: exec(compile(program, "<copied>", "exec"), {}))
        found = re.findall(
            r"epsilon=([\d.]+), statistic='(\w+)', predicted=\S+ minus=(\S+), plus=(\S+),", lines
        )
        assert len(found) == 9
        for epsilon, statistic, *sides in found:
            for one, other in zip(sides, shown[float(epsilon), statistic], strict=True):
                value = None if one == "None" else float(one)
                assert value == (None if other is None else pytest.approx(other, rel=1e-6))
        npy = base64.b64decode(scene["setting"]["vector"]["npy"])
        (tmp_path / "vector.npy").write_bytes(npy)
        options = shlex.split(command)[3:]
        report = json.loads(printed(lambda: cli.main([options[0], "--json", *options[1:]])))
        for row in report["budgets"]:
            assert (row["minus"], row["plus"]) == pytest.approx(
                shown[row["epsilon"], row["statistic"]], rel=1e-6
            )


def test_of_several_vectors_and_of_a_conversation_there_is_no_command_line(blank, lm):
    both = stability.SteeringVector("two", "array", {"block:0": V, "block:1": V})
    dose = stability.dose(lm, both, PROMPT)
    scene = json.loads(json.dumps(dose_scene(dose, {"numbers": True})))
    assert blank.evaluate(TAKEN, scene)[1] is None
    assert scene["setting"]["vector"]["npy"] is None
