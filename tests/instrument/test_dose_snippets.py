"""What is copied of a dose: run as it stands, it gives the numbers that were on the screen."""

import ast
import base64
import contextlib
import io
import json
import re
import shlex

import numpy as np
import pytest
from support.models import FAMILIES, WIDTH, byte_tokenizer, save_model
from support.steering import random_vector

import stability
from stability import cli
from stability.steering.scenes.scene import dose_scene
from stability.steering.scenes.scene_parts import truth_part

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PROMPT = 'it\'s "q" --\\n\na b'
V = random_vector(WIDTH, length=2.0)
# relative: a dose is promised to a thousandth, and what else is looked for changes where it is sampled
SAME = 2e-3
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


def moved(lm):
    """A vector made of pairs, projected out at another block than where it was measured."""
    pairs = (["a cat", "the cat's"], ["a dog", 'the "dog"'])
    made = stability.contrast_vector(lm, *pairs, "block:0", "pca")
    vectors = {"block:1": made.vectors["block:0"]}
    vector = stability.SteeringVector(made.file, made.format, vectors, "project")
    return vector, {"pairs": pairs, "method": "pca", "site": "block:0"}


def pasted(lm):
    return stability.SteeringVector("pasted", "JSON", {"block:1": V}), {"numbers": True}


def alike(budgets, scene):
    """The same doses as a scene's, for every budget."""
    shown = {
        (row["epsilon"], row["statistic"], side): row[side]
        for row in scene["truth"]["doses"]
        for side in ("minus", "plus")
    }
    # one that is not reached is None
    return budgets == {
        key: value and pytest.approx(value, rel=SAME) for key, value in shown.items()
    }


@pytest.mark.parametrize(("make", "positions"), [(moved, "all"), (pasted, "last")])
def test_the_program_and_the_command_line_give_the_shown_doses(
    blank, lm, tmp_path, monkeypatch, make, positions
):
    monkeypatch.chdir(tmp_path)
    vector, source = make(lm)
    dose = stability.dose(lm, vector, PROMPT, positions=positions)
    scene = dose_scene(dose, source, truth=truth_part(dose))
    program, command = blank.evaluate(TAKEN, json.loads(json.dumps(scene)))
    lines = printed(lambda: exec(compile(program, "<copied>", "exec"), {}))
    found = re.findall(
        r"epsilon=([\d.]+), statistic='(\w+)', predicted=\S+ minus=(\S+), plus=(\S+),", lines
    )
    # the program prints the median beside what the page shows
    assert len(found) == 12
    of_program = {
        (float(epsilon), statistic, side): ast.literal_eval(value)
        for epsilon, statistic, *values in found
        if statistic != "median"
        for side, value in zip(("minus", "plus"), values, strict=True)
    }
    assert alike(of_program, scene)
    # what makes the vector's file comes first
    making, command = re.fullmatch(
        r"python - <<'END'\n(.*)\nEND\n(.*)", command, re.DOTALL
    ).groups()
    exec(compile(making, "<copied>", "exec"), {})
    npy = np.load(io.BytesIO(base64.b64decode(scene["setting"]["vector"]["npy"])))
    np.testing.assert_allclose(np.load("vector.npy"), npy, rtol=1e-6)
    dose_command, *options = shlex.split(command)[3:]
    report = json.loads(printed(lambda: cli.main([dose_command, "--json", *options])))
    of_command = {
        (row["epsilon"], row["statistic"], side): row[side]
        for row in report["budgets"]
        for side in ("minus", "plus")
    }
    assert alike(of_command, scene)


def test_of_several_vectors_and_of_a_conversation_there_is_no_command_line(blank, lm):
    both = stability.SteeringVector("two", "array", {"block:0": V, "block:1": V})
    dose = stability.dose(lm, both, PROMPT)
    scene = json.loads(json.dumps(dose_scene(dose, {"numbers": True})))
    assert blank.evaluate(TAKEN, scene)[1] is None
    assert scene["setting"]["vector"]["npy"] is None
