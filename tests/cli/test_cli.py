"""The command line: its contract, its table, and its answer to everything that is wrong."""

import io
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, redirect_stdout, suppress
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from rich.cells import cell_len
from support.cli import refusal
from support.models import FAMILIES, PROMPT, WIDTH, save_model
from support.paths import ROOT

import stability
from stability import cli
from stability.cli.parser import parser
from stability.cli.progress import import_torch
from stability.curvature.direction_spec import DirectionSpec
from stability.curvature.directions import resolve
from stability.models import load
from stability.text import digits, spelled

FLAT = np.eye(WIDTH)[0].tolist()
FLIP = {"distance": float, "id": int, "text": str}
SIDES = {"minus": float, "plus": float}
CONTRACT = {
    "version": str,
    "seed": int,
    "unit": {"length": str, "divergence": str},
    "model": {
        "name": str,
        "revision": str,
        "dtype": str,
        "d_model": int,
        "n_layers": int,
        "vocab_size": int,
    },
    "prompt": str,
    "tokens": [{"index": int, "id": int, "text": str}],
    "position": int,
    "site": str,
    "norm": float,
    "entropy": float,
    "argmax": {"id": int, "text": str, "probability": float},
    "spectrum": {
        "eigenvalues": [float],
        "residuals": [float],
        "trace": float,
        "trace_error": float,
    },
    "direction": {"kind": str, "label": str, "curvature": float},
    "radii": [
        {
            "epsilon": float,
            "predicted": float,
            "actual": SIDES,
            "kind": {"minus": str, "plus": str},
            "certified": {"minus": [float], "plus": [float]},
        }
    ],
    "resolution": float,
    "flips": {"minus": [FLIP], "plus": [FLIP]},
    "nearest_flip": FLIP,
    "certified_ball": [{"epsilon": float, "radius": float}],
    "token_constraint_bound": float,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    """A tiny model in which no logit moves against another along the first axis."""

    def flatten(model):
        model.lm_head.weight[:, 0] = 1

    return str(save_model(tmp_path_factory.mktemp("tiny"), FAMILIES["llama"](), edit=flatten))


@pytest.fixture
def lm(folder):
    """The same model, for the library's own answers."""
    return load(folder, device="cpu")


@pytest.fixture(autouse=True, scope="module")
def _load_once():
    """Each model is read once: what is tested here is what the command line makes of it."""
    read = cache(load)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stability.models.load", lambda name, dtype, report: read(name, dtype))
        yield


@pytest.fixture
def answer(folder, capsys):
    """What a command prints, which must be all that it writes."""

    def run(*options: str, prompt: str = PROMPT) -> str:
        cli.main(["analyze", prompt, "--model", folder, *options])
        out, err = capsys.readouterr()
        assert err == ""
        return out

    return run


@pytest.fixture
def report(answer):
    """The JSON object that a command prints."""
    return lambda *options, **prompt: parsed(answer(*options, "--json", **prompt))


def parsed(text: str) -> dict:
    """One JSON object on a line of its own; NaN and Infinity, which JSON has not, are errors."""
    assert text.isascii()
    assert text.index("\n") == len(text) - 1
    return json.loads(text, parse_constant=pytest.fail)


def shape(value: object) -> object:
    """The types in a JSON value, a list being known by its first item, which all must resemble."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        shapes = [shape(item) for item in value]
        assert all(item == shapes[0] for item in shapes)
        return shapes[:1]
    return type(value)


# --- the contract ---------------------------------------------------------------------------------


def test_the_json_object_has_exactly_the_keys_and_types_of_the_contract(report):
    analysis = report("--direction", "random:3")
    assert shape(analysis) == CONTRACT
    assert all(len(side) == 2 for row in analysis["radii"] for side in row["certified"].values())


def test_the_defaults_are_those_of_the_contract(report):
    analysis = report()
    n = len(analysis["tokens"])
    assert [row["epsilon"] for row in analysis["radii"]] == [0.001, 0.01, 0.1, 1]
    assert len(analysis["spectrum"]["eigenvalues"]) == 16
    explicit = ("--position", str(n - 1), "--site", "prelogit", "--direction", "eig:0")
    assert report(*explicit, "--epsilon", "0.001", "0.01", "0.1", "1", "--k", "16") == analysis


def test_every_value_is_that_of_the_library(report, folder):
    analysis = report("--position", "-2", "--direction", "random:3", "--epsilon", "0.5", "0.02")
    assert (analysis["prompt"], analysis["site"]) == (PROMPT, "prelogit")
    lm = load(folder)
    state = lm.capture(PROMPT, -2)
    spectrum = stability.spectrum(state, 16)
    ray = stability.ray(state, resolve(DirectionSpec.parse("random:3"), state, spectrum, lm).vector)
    assert analysis["model"] == vars(lm.card)
    assert analysis["tokens"] == [
        {"index": token.index, "id": token.id, "text": token.text} for token in lm.tokenize(PROMPT)
    ]
    assert analysis["position"] == len(analysis["tokens"]) - 2
    assert (analysis["norm"], analysis["entropy"]) == (state.norm, state.entropy)
    token, probability = state.most_likely(1)[0]
    assert analysis["argmax"] == {"id": token.id, "text": token.text, "probability": probability}
    assert analysis["spectrum"] == {
        "eigenvalues": spectrum.eigenvalues.tolist(),
        "residuals": spectrum.residuals.tolist(),
        "trace": spectrum.trace,
        "trace_error": 0.0,
    }
    assert analysis["direction"]["curvature"] == ray.curvature
    actual = ray.boundaries(np.array([0.5, 0.02])).T.tolist()
    for row, epsilon, ends in zip(analysis["radii"], (0.5, 0.02), actual, strict=True):
        assert row["epsilon"] == epsilon
        assert row["predicted"] == ray.predicted_radius(epsilon)
        assert [*row["actual"].values()] == ends
        assert tuple(map(tuple, row["certified"].values())) == ray.certificate(epsilon)
    minus, plus = ([vars(flip) for flip in side] for side in ray.flips())
    assert analysis["flips"] == {"minus": minus, "plus": plus}
    assert analysis["token_constraint_bound"] == spectrum.row_spread.token_constraint_bound()


@pytest.mark.parametrize("site", ["final", "block:0"])
def test_below_the_readout_every_value_is_that_of_the_library(report, answer, folder, site):
    analysis = report("--site", site, "--direction", "random:3", "--epsilon", "0.02", "1e9")
    lm = load(folder)
    state = lm.capture(PROMPT, site=site)
    spectrum = stability.spectrum(state, 16)
    ray = stability.ray(state, resolve(DirectionSpec.parse("random:3"), state, spectrum, lm).vector)
    assert (analysis["site"], analysis["norm"], analysis["entropy"]) == (
        site,
        state.norm,
        state.entropy,
    )
    assert analysis["spectrum"]["eigenvalues"] == spectrum.eigenvalues.tolist()
    assert analysis["direction"]["curvature"] == ray.curvature
    reached, not_reached = analysis["radii"]
    assert reached["actual"] == dict(zip(("minus", "plus"), ray.boundary(0.02), strict=True))
    assert not_reached["actual"] == {"minus": None, "plus": None}
    assert reached["certified"] is not_reached["certified"] is None
    for what in ("nearest_flip", "certified_ball", "token_constraint_bound"):
        assert analysis[what] is None
    minus, plus = ([vars(flip) for flip in side] for side in ray.flips())
    assert analysis["flips"] == {"minus": minus, "plus": plus}
    text = answer("--site", site)
    assert f"site {site}, length {digits(analysis['norm'])}" in text
    assert "Certified" not in text


@pytest.mark.parametrize(
    ("direction", "label"),
    [
        ("eig:2", "eigendirection 3"),
        ("random:3", "random, seed 3"),
        ("tokens:70,71", "f → g"),
        ("prompt:a dog ran", "the way to 'a dog ran'"),
        ("file:some.json", "some.json"),
    ],
)
def test_every_kind_of_direction_is_named(report, direction, label, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("some.json").write_text(json.dumps([1, *FLAT[1:-1], -2]), encoding="utf-8")
    analysis = report("--direction", direction)["direction"]
    assert analysis["kind"] == direction.partition(":")[0]
    assert analysis["label"] == label
    assert analysis["curvature"] > 0


def test_tokens_may_be_written_as_text_or_as_ids(report, lm):
    texts = [lm.tokenizer.decode([token]) for token in (70, 71)]
    comma = lm.token_id(",")
    for written, ids in (
        ("{},{}".format(*texts), (70, 71)),
        (f"70,{texts[1]}", (70, 71)),
        ("70, 71", (70, 71)),
        (f"{texts[0]},,", (70, comma)),
        (f",,{texts[0]}", (comma, 70)),
    ):
        by_text = report("--direction", f"tokens:{written}")
        by_id = report("--direction", "tokens:{},{}".format(*ids))
        assert by_text["direction"] == by_id["direction"]
        assert by_text["radii"] == by_id["radii"]


def test_a_report_says_which_version_made_it_and_from_which_seed(report):
    analysis = report("--direction", "random:3")
    assert analysis["version"] == stability.__version__
    assert analysis["seed"] == 3
    assert analysis["unit"] == {"length": "coordinates of the vector", "divergence": "nats"}
    assert report("--direction", "eig:3")["seed"] is None
    assert report("--direction", "turn:30,1,random:3")["seed"] == 3


def test_a_rank_may_exceed_the_number_of_eigenpairs(report):
    analysis = report("--k", "2", "--direction", "eig:9")
    values = report("--k", "16")["spectrum"]["eigenvalues"]
    # two ways to the same number, in float32 products of logits of size ten
    assert analysis["direction"]["curvature"] == pytest.approx(values[9], rel=1e-4)
    assert analysis["spectrum"]["eigenvalues"][:2] == pytest.approx(values[:2])


def test_what_a_flat_direction_does_not_have_is_null(report, answer, tmp_path):
    path = tmp_path / "flat.json"
    path.write_text(json.dumps(FLAT), encoding="utf-8")
    flat = ("--direction", f"file:{path}", "--epsilon", "0.1")
    analysis = report(*flat)
    assert analysis["direction"]["curvature"] == 0
    assert analysis["radii"] == [
        {
            "epsilon": 0.1,
            "predicted": None,
            "actual": {"minus": None, "plus": None},
            "kind": {"minus": "not reached", "plus": "not reached"},
            "certified": None,
        }
    ]
    assert analysis["flips"] == {"minus": [], "plus": []}
    assert analysis["certified_ball"][0]["radius"] > 0  # other directions are not flat
    rows = [line.split() for line in answer(*flat).splitlines()]
    ball = digits(analysis["certified_ball"][0]["radius"])
    assert ["0.1", "plus", "-", "unreached", "-", "-", ball] in rows
    assert ["minus", "never"] in rows


def test_a_boundary_that_rounding_hides_is_null_and_says_so(report, answer):
    below = ("--site", "block:0", "--epsilon", "1e-15", "0.1")
    analysis = report(*below)
    hidden, seen = analysis["radii"]
    assert 1e-15 < analysis["resolution"] < 0.1
    assert hidden["actual"] == {"minus": None, "plus": None}
    assert hidden["kind"] == {"minus": "unresolved", "plus": "unresolved"}
    assert seen["kind"] == {"minus": "reached", "plus": "reached"}
    text = answer(*below)
    assert sum("unresolved" in line for line in text.splitlines()) == 2
    assert f"rounding hides boundaries below epsilon {analysis['resolution']:.2g}." in text
    assert report("--epsilon", "1e-15")["resolution"] == 0


def test_any_text_is_ascii_in_json(report):
    prompt = 'caf\u00e9 \u732b "\\\n'
    analysis = report(prompt=prompt)  # parsed() looks at the bytes
    assert analysis["prompt"] == prompt
    texts = {token["text"] for token in analysis["tokens"]}
    assert any(text.startswith("⟨") for text in texts)  # part of a character


# --- for people -----------------------------------------------------------------------------------


def test_the_table_says_what_the_json_says(answer, report):
    along = ("--direction", "random:3")
    analysis, lines = report(*along), answer(*along).splitlines()
    rows = [line.split() for line in lines]
    for row, ball in zip(analysis["radii"], analysis["certified_ball"], strict=True):
        for side in ("minus", "plus"):
            radii = (row["predicted"], row["actual"][side], *row["certified"][side], ball["radius"])
            assert [f"{row['epsilon']:g}", side, *map(digits, radii)] in rows
    for side, flips in {**analysis["flips"], "any": [analysis["nearest_flip"]]}.items():
        for flip in flips:
            assert f"{side:>22}{digits(flip['distance']):>11}  {spelled(flip['text'])}" in lines
    text = "\n".join(lines)
    argmax, direction = analysis["argmax"], analysis["direction"]
    assert f"probability {digits(argmax['probability'])} of {spelled(argmax['text'])}\n" in text
    assert f"curvature {digits(direction['curvature'])}, {direction['label']}\n" in text
    assert f"entropy {digits(analysis['entropy'])} nats" in text
    assert f"length {digits(analysis['norm'])}\n" in text
    assert f"trace {digits(analysis['spectrum']['trace'])}, " in text
    assert f"bound {digits(analysis['token_constraint_bound'])}\n" in text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("z" * 200, "z" * 49 + "..."),
        ("\u732b" * 30, "\u732b" * 24 + " ..."),  # two columns each
        ("[bold] :cat: [x]", "[bold] :cat: [x]"),
    ],
    ids=["long", "wide", "markup"],
)
def test_the_table_fits_eighty_columns(answer, monkeypatch, tmp_path, name, shown):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "20")  # neither this nor the terminal makes it wrap
    Path(name).write_text(json.dumps(FLAT[::-1]), encoding="utf-8")
    text = answer("--direction", f"file:{name}", "--epsilon", "1.23456e-5", "1e5")
    assert max(cell_len(line) for line in text.splitlines()) <= 80
    (direction,) = (line for line in text.splitlines() if line.startswith("direction"))
    assert direction.endswith(f", {shown}")
    assert text.replace("\n", "").isprintable()
    assert "1.23456e-05" in text  # an epsilon is as it was typed


def test_a_terminal_that_lacks_characters_gets_them_escaped(answer, monkeypatch, folder):
    plain = answer("--direction", "prompt:caf\u00e9")
    assert "the way to 'caf\u00e9'" in plain
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    cli.main(["analyze", PROMPT, "--model", folder, "--direction", "prompt:caf\u00e9"])
    shown = stream.buffer.getvalue().decode("ascii")
    assert "the way to 'caf\\xe9'" in shown
    assert shown.count("\n") == plain.count("\n")


def test_the_table_can_be_caught_in_a_string(answer, folder):
    with redirect_stdout(io.StringIO()) as caught:  # it has no encoding
        cli.main(["analyze", PROMPT, "--model", folder])
    assert caught.getvalue() == answer()


def test_progress_is_shown_to_a_person_and_on_standard_error(capsys, monkeypatch, folder, tmp_path):
    name = tmp_path / "[tiny]"  # markup, if it were not escaped
    name.symlink_to(folder)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setattr("stability.models.load", load)
    monkeypatch.setenv("COLUMNS", "300")
    cli.main(["analyze", PROMPT, "--model", str(name), "--json"])
    out, err = capsys.readouterr()
    assert parsed(out)["model"]["name"] == str(name)
    assert f"Loading {name}" in err
    assert f"{name} is ready" in err


def test_without_a_command_it_prints_its_help(capsys):
    for arguments in ([], ["--help"]):
        with suppress(SystemExit):
            cli.main(arguments)
    alone, asked = capsys.readouterr().out.split("usage:")[1:]
    assert alone == asked
    assert "analyze" in alone


def test_the_version_is_that_of_the_library(capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"stability {stability.__version__}\n"


@pytest.mark.parametrize("command", ["app", "analyze", "bench", "sweep", "reproduce", "check"])
def test_every_help_has_an_example_that_the_parser_takes_and_says_its_defaults(command, capsys):
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    out = capsys.readouterr().out
    assert out.isascii()  # a terminal may have no other letters
    start, *example = shlex.split(out.split("example:\n")[1])
    options = parser().parse_args(example)
    assert (start, options.command) == ("stability", command)
    told = " ".join(out.split())
    for name in ("port", "model", "position", "site", "direction", "k", "dtype"):
        if f"--{name} " in told:
            assert f"by default {getattr(options, name)}" in told or name == "direction"
    assert "by default" in told


def test_the_app_is_served_from_the_checkout_with_its_settings(monkeypatch, tmp_path):
    started = []

    def run(command, cwd, check):
        started.append((command[1:], cwd))
        return SimpleNamespace(returncode=7)

    monkeypatch.setattr("stability.cli.app.subprocess.run", run)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        cli.main(["app", "--port", "8600"])
    assert ended.value.code == 7
    assert started == [(["-m", "streamlit", "run", "app.py", "--server.port=8600"], ROOT)]


@pytest.mark.parametrize("direction", ["eig:x", "nothing:1", "tokens:5", "turn:400,1,eig:0"])
def test_a_form_that_is_none_is_refused_before_a_model_is_loaded(direction, monkeypatch, capsys):
    monkeypatch.setattr("stability.models.load", lambda *_, **__: pytest.fail("loaded"))
    assert "A direction" in refusal(["analyze", PROMPT, "--direction", direction], capsys)


def test_without_a_checkout_the_app_is_refused(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("stability.cli.app.stability.__file__", str(tmp_path / "a" / "__init__.py"))
    monkeypatch.chdir(tmp_path)
    assert "served from a checkout" in refusal(["app"], capsys)


def test_a_person_sees_at_once_that_it_starts(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    import_torch()
    assert "Starting" in capsys.readouterr().err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    import_torch()
    assert capsys.readouterr().err == ""


# --- bad input ------------------------------------------------------------------------------------


@pytest.fixture
def bad_files(tmp_path, monkeypatch):
    """Files that hold no direction, in the current folder."""
    monkeypatch.chdir(tmp_path)
    np.save("pickled.npy", np.array([{}]), allow_pickle=True)
    np.save("short.npy", np.ones(WIDTH - 1))
    np.save("zero.npy", np.zeros(WIDTH))
    np.save("nan.npy", np.full(WIDTH, np.nan))
    for name, text in (("empty", ""), ("nested", "[[1, 2], [3]]"), ("broken", "[1, 2")):
        Path(f"{name}.json").write_text(text, encoding="utf-8")


BAD = {
    "no prompt": (["analyze"], "required: PROMPT: see `stability analyze --help`"),
    "unknown option": (["analyze", PROMPT, "--sight", "1"], "unrecognized arguments: --sight"),
    "several lines": (["analyze", PROMPT, "--sight\nis"], "arguments: --sight is: see"),
    "empty prompt": (["analyze", ""], "at least one token; received ''"),
    "prompt not text": (["analyze", "\udcff"], r"text must be UTF-8; received '\udcff'"),
    "model": (["analyze", PROMPT, "--model", "./nothing.gguf"], "nothing.gguf"),
    "epsilon, before any model": (
        ["analyze", PROMPT, "--model", "./nothing.gguf", "--epsilon", "0"],
        "positive number of nats",
    ),
    **{
        " ".join(options): (["analyze", PROMPT, *options], words)
        for options, words in [
            (["--position", "99"], "between -6 and 5 for this prompt of 6 tokens; received 99"),
            (["--position", "-7"], "between -6 and 5 for this prompt of 6 tokens; received -7"),
            (["--position", "1.5"], "argument --position: invalid int value: '1.5'"),
            (["--site", "nowhere"], "; received 'nowhere': use 'prelogit'"),
            (["--site", "block:2"], "prelogit, final or block:L with L from 0 to 1 for "),
            (["--epsilon", "nan"], "positive number of nats; received nan"),
            (["--epsilon", "inf"], "positive number of nats; received inf"),
            (["--epsilon", "1.7e308"], "positive number of nats; received 1.7e+308"),
            (["--epsilon=--"], "an option needs a value; received '--epsilon=--'"),
            (["--position=--"], "an option needs a value; received '--position=--'"),
            (["--direction=--"], "an option needs a value; received '--direction=--'"),
            (["--model=--"], "an option needs a value; received '--model=--'"),
            (["--model", "x" * 300], "at most 255 bytes in each of its parts; received 300 bytes"),
            (["--epsilon", "0"], "positive number of nats; received 0.0"),
            (["--epsilon", "0.1", "-1"], "positive number of nats; received -1.0"),
            (["--epsilon", "abc"], "argument --epsilon: invalid float value: 'abc'"),
            (["--epsilon"], "argument --epsilon: expected at least one argument"),
            (["--k", "0"], "at least 1; received 0"),
            (["--k", "-3"], "at least 1; received -3"),
            (["--k", str(WIDTH + 1)], f"between 1 and the width {WIDTH}; received {WIDTH + 1}"),
            (["--k", "x"], "argument --k: invalid int value: 'x'"),
            (["--direction", "north"], "A direction must be eig:K, random:SEED, "),
            (["--direction", "eig:x"], "whole and not negative; received 'eig:x'"),
            (["--direction", f"eig:{WIDTH}"], f"between 0 and {WIDTH - 1} here; received {WIDTH}"),
            (["--direction", "tokens:5,5"], "different rows of W_U; received 5 ("),
            (["--direction", "tokens:5,320"], "between 0 and 319"),
            (["--direction", "prompt:"], "at least one token; received ''"),
            (["--direction", f"prompt:{PROMPT}"], "lead to another state"),
            (["--direction", "prompt:\udcff"], r"text must be UTF-8; received 'prompt:\udcff'"),
            (["--direction", "file:absent.npy"], "'absent.npy' is not (No such file"),
            (
                ["--direction", "file:pickled.npy"],
                "as they could run code; 'pickled.npy' holds some",
            ),
            (["--direction", "file:short.npy"], f"as the state, {WIDTH}; received an array of sh"),
            (["--direction", "file:zero.npy"], "must not be zero"),
            (["--direction", "file:nan.npy"], f"finite; {WIDTH} of its {WIDTH} components"),
            (["--direction", "file:empty.json"], "'empty.json' is neither"),
            (["--direction", "file:nested.json"], "'nested.json' is neither"),
            (["--direction", "file:broken.json"], "'broken.json' is neither"),
        ]
    },
}


@pytest.mark.usefixtures("bad_files")
@pytest.mark.parametrize(("arguments", "words"), BAD.values(), ids=BAD)
def test_bad_input_is_one_line_on_standard_error_and_status_2(arguments, words, folder, capsys):
    if "--model" not in arguments:
        arguments = [*arguments[:1], *(["--model", folder] if arguments else []), *arguments[1:]]
    assert words in refusal(arguments, capsys)


# --- how it ends ----------------------------------------------------------------------------------


@pytest.fixture
def start():
    """The command in a process of its own, with Python's usual buffers; it does not outlive us."""
    usual = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}

    def run(*arguments: str, **variables: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-m", "stability", *arguments],
            cwd=ROOT,
            env=usual | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        stack.enter_context(process)
        stack.callback(process.kill)
        return process

    # a shell's background jobs, and so their children, ignore Ctrl-C unless told otherwise
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    with ExitStack() as stack:
        yield run
    signal.signal(signal.SIGINT, handler)


def test_a_reader_that_has_gone_away_ends_it_quietly(start):
    process = start("--help")
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=60) == cli.BROKEN_PIPE


@pytest.mark.parametrize("options", [[], ["--json"]])
@pytest.mark.parametrize("buffering", [1, -1], ids=["a line", "all"])
def test_a_closed_pipe_ends_it_quietly(folder, capsys, monkeypatch, options, buffering):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", buffering, encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        with pytest.raises(SystemExit) as ended:
            cli.main(["analyze", PROMPT, "--model", folder, *options])
    assert ended.value.code == cli.BROKEN_PIPE
    assert capsys.readouterr().err == ""


@pytest.mark.slow
def test_ctrl_c_while_a_model_loads_ends_it_quietly(start):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(60)
        hub = f"http://127.0.0.1:{silent.getsockname()[1]}"
        process = start(
            "analyze", PROMPT, "--model", "owner/tiny", HF_ENDPOINT=hub, HF_HUB_OFFLINE="0"
        )
        connection, _ = silent.accept()  # it waits for an answer
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == (b"", b"")
        connection.close()
    assert process.returncode == cli.INTERRUPTED


@pytest.mark.slow
@pytest.mark.usefixtures("smollm2_folder")
def test_the_packaged_model_answers_in_utf_8_under_any_locale(start):
    options = ("The capital of France is", "--epsilon", "0.01", "--json")
    process = start("analyze", *options, LC_ALL="C", PYTHONIOENCODING="ascii")
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, b"")
    analysis = parsed(out.decode("utf-8"))
    assert shape(analysis) == CONTRACT | {"seed": type(None)}
    # brute force in float64, independent of this code
    assert analysis["argmax"]["text"] == " Paris"
    assert analysis["entropy"] == pytest.approx(1.4811690203476535, rel=1e-3)
    assert analysis["radii"][0]["predicted"] == pytest.approx(0.12323328994559617, rel=2e-3)
    actual = sorted(analysis["radii"][0]["actual"].values())
    assert actual == pytest.approx([0.11746194315025739, 0.1299172034018418], rel=1e-2)
    assert analysis["nearest_flip"]["id"] == 260
    assert analysis["nearest_flip"]["distance"] == pytest.approx(0.6196842337675846, rel=2e-3)
