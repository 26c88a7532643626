"""What is copied: run as it stands, it gives the numbers that were on the screen."""

import ast
import contextlib
import io
import json
import re
import subprocess

import numpy as np
import pytest
from support.models import FAMILIES, byte_tokenizer, save_model

import stability
from stability import cli
from stability.curvature import directions
from stability.curvature.direction_spec import DirectionSpec
from stability.curvature.given_vector import pasted
from stability.geometry.analysis import along, analyze
from stability.instrument.scene import scene
from stability.instrument.setting import setting

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PROMPT = "the cat sat on the mat"
PROMPTS = [
    PROMPT,
    "it's \"quoted\" and 'more'",
    "two\nlines\r\n\tand a tab",
    "a \\ backslash, \\n, {braces}, $HOME, `id`, !x, # and %",
    "-leading --dashes",
    "--",
    "🎭 mask, 日本, e\u0301",
    "hidden \u200d\u202eover\u2028\x1b[31m \x7f",
    "$(echo x) && echo 'y' ; */",
]
DIRECTIONS = [
    *("eig:0", "eig:20", "random:3", "covariance:1", "tokens:5,7", "prompt:a 'dog' \n{ran}"),
    *("turn:30,1,eig:0", "turn:-15.5,20,turn:60,2,random:3", "turn:10,0,prompt:turn:1,5,x"),
]
SHOWN = """async ([scene, view]) => {
    const { modeller } = await import("/model.js");
    const { INITIAL } = await import("/view.js");
    const { pythonSnippet, commandLine } = await import("/snippets.js");
    const model = modeller()(scene, { ...INITIAL, ...view });
    const { line, predicted } = model;
    const sides = model.sides?.map(({ boundary, bracket }) => [boundary.distance, bracket]);
    return [pythonSnippet(model), commandLine(model), predicted, sides, line?.kl(model.view.t)];
}"""
VIEW = {"epsilon": 0.02, "t": -0.031}
# relative; the atoms that stand for a vocabulary may err by a tenth of it
AGREEMENT = 1e-6


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model whose tokenizer reads any text."""
    where = tmp_path_factory.mktemp("it's a model")
    config = FAMILIES["llama"]()
    config.max_position_embeddings = 256
    return save_model(where, config, byte_tokenizer())


@pytest.fixture(scope="module")
def lm(folder):
    return stability.load(str(folder), device="cpu")


def shown(blank, lm, prompt, spec, site="prelogit", position=-1):
    analysis = analyze(lm, prompt, position, site, spec)
    made = scene(analysis, DirectionSpec.parse(spec))
    return blank.evaluate(SHOWN, [json.loads(json.dumps(made)), VIEW])


def run(snippet):
    """The values that a program prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(snippet, "<copied>", "exec"), {})
    return printed.getvalue().splitlines()


def arguments(command):
    """The arguments that a shell makes of a command line."""
    start = "python -m stability "
    assert command.startswith(start)
    script = f"printf '%s\\0' {command.removeprefix(start)}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    return done.stdout.decode().split("\0")[:-1]


def report(command, capsys):
    cli.main([*arguments(command)[:1], "--json", *arguments(command)[1:]])
    return json.loads(capsys.readouterr().out)


def check_python(snippet, predicted, sides, kl):
    radius, boundary, _, _, divergence = run(snippet)
    assert float(radius) == pytest.approx(predicted, rel=AGREEMENT)
    assert ast.literal_eval(boundary) == pytest.approx([side[0] for side in sides], rel=AGREEMENT)
    assert float(divergence) == pytest.approx(kl, rel=AGREEMENT)


def check_command(told, predicted, sides):
    [radii] = told["radii"]
    assert radii["epsilon"] == VIEW["epsilon"]
    assert radii["predicted"] == pytest.approx(predicted, rel=AGREEMENT)
    assert [*radii["actual"].values()] == pytest.approx([side[0] for side in sides], rel=AGREEMENT)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_copied_prompt_gives_the_shown_numbers(blank, lm, prompt, capsys):
    snippet, command, predicted, sides, kl = shown(blank, lm, prompt, "eig:0")
    told = report(command, capsys)
    assert told["prompt"] == prompt
    check_command(told, predicted, sides)
    check_python(snippet, predicted, sides, kl)


@pytest.mark.parametrize("spec", DIRECTIONS)
def test_a_copied_direction_gives_the_shown_numbers(blank, lm, spec, capsys):
    snippet, command, predicted, sides, kl = shown(blank, lm, PROMPT, spec, position=2)
    check_command(report(command, capsys), predicted, sides)
    check_python(snippet, predicted, sides, kl)


def test_a_direction_of_a_file_is_read_again(blank, lm, tmp_path, capsys):
    vector = tmp_path / "a vector's file.json"
    vector.write_text(json.dumps([1.0, *[0.5] * 31]))
    snippet, command, predicted, sides, kl = shown(blank, lm, PROMPT, f"file:{vector}")
    check_command(report(command, capsys), predicted, sides)
    check_python(snippet, predicted, sides, kl)


@pytest.mark.parametrize("turns", [(), ((30.0, 1),)])
def test_a_vector_of_ones_own_is_copied_with_its_numbers(blank, lm, turns):
    state, pairs = lm.capture(PROMPT), stability.spectrum(lm.capture(PROMPT), k=4)
    direction = pasted(state, json.dumps([0.1, -2.5e-7, *[1 / 3] * 30]).encode(), "my\nvector")
    for degrees, rank in turns:
        direction = directions.turned(direction, pairs, degrees, rank)
    made = scene(along(state, pairs, direction))
    snippet, command, predicted, sides, kl = blank.evaluate(SHOWN, [made, VIEW])
    assert command is None
    check_python(snippet, predicted, sides, kl)
    told = {}
    exec(compile(snippet, "<copied>", "exec"), told)
    np.testing.assert_array_equal(told["direction"], direction.vector.numpy())


def test_a_precision_and_a_name_with_a_quote_are_kept(blank, folder, capsys):
    halved = stability.load(str(folder), dtype="bfloat16", device="cpu")
    snippet, command, predicted, sides, kl = shown(blank, halved, PROMPT, "eig:0")
    assert report(command, capsys)["model"]["dtype"] == "bfloat16"
    check_python(snippet, predicted, sides, kl)


def test_the_comment_beside_each_value_is_the_shown_one(blank, lm):
    snippet = shown(blank, lm, PROMPT, "eig:0")[0]
    said = re.findall(r"predicted_radius\(epsilon\)\)  # (\S+)", snippet)
    assert f"{float(run(snippet)[0]):#.3g}" == said[0]


def test_a_conversation_is_copied_turn_by_turn(blank, lm):
    turns = [{"role": "user", "content": 'it\'s "you"\n{x}'}]
    analysis = analyze(lm, PROMPT)
    made = scene(analysis, DirectionSpec.parse("eig:0"))
    made["setting"] |= {"messages": turns, "prompt": json.dumps(turns)}
    snippet, command, *_ = blank.evaluate(SHOWN, [made, VIEW])
    written = re.search(r"^prompt = (.+?\n\]\))\n", snippet, re.DOTALL | re.MULTILINE)[1]
    prompt = eval(written, {"stability": stability})
    assert prompt == stability.Conversation.of(turns)
    assert "--messages" in arguments(command)
    assert stability.Conversation.parse(arguments(command)[-1]) == prompt


COMMIT = "0123456789" * 4


@pytest.mark.parametrize(
    ("name", "revision", "named"),
    [
        ("org/name", COMMIT, f"org/name@{COMMIT}"),
        ("org/name@main", COMMIT, f"org/name@{COMMIT}"),
        ("org/name", f"{COMMIT}, an adapter merged into base {COMMIT}", f"org/name@{COMMIT}"),
        ("./a@folder", "local", "./a@folder"),
        ("smollm2-135m", "package 1.0.0", "smollm2-135m"),
    ],
)
def test_a_model_of_the_hub_is_named_with_the_commit_that_was_measured(
    blank, lm, name, revision, named
):
    made = scene(analyze(lm, PROMPT), DirectionSpec.parse("eig:0"))
    made["setting"]["model"] |= {"name": name, "revision": revision}
    snippet, command, *_ = blank.evaluate(SHOWN, [made, VIEW])
    assert f'stability.load("{named}")  # revision {revision}' in snippet
    asked = arguments(command)
    assert asked[asked.index("--model") + 1] == named


def test_what_cannot_be_asked_for_on_a_command_line_is_not_offered(blank, lm):
    made = scene(analyze(lm, PROMPT))
    _, command, *_ = blank.evaluate(SHOWN, [made, VIEW])
    assert command is None
    made["setting"]["direction"]["rank"] = None
    snippet = blank.evaluate(SHOWN, [made, VIEW])[0]
    assert "np.frombuffer" in snippet
    made = scene(analyze(lm, PROMPT), DirectionSpec.parse("eig:0"))
    made["setting"]["prompt"] = "a\0b"
    assert blank.evaluate(SHOWN, [made, VIEW])[1] is None


def test_a_setting_names_the_versions(lm):
    analysis = analyze(lm, PROMPT)
    versions = setting(analysis.state, analysis.direction)["versions"]
    assert versions.keys() == {"torch", "transformers", "numpy"}
    assert all(re.match(r"\d+\.", number) for number in versions.values())
