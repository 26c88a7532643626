"""Sweeps: whole, stopped and killed, resumed, refused; and the command that runs them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st
from support.cli import refusal
from support.models import FAMILIES, PROMPT, SENTENCES, WIDTH, save_model
from support.paths import ROOT
from support.states import properties
from support.tables import assert_same

import stability
from stability import cli
from stability.cli.progress import progress
from stability.errors import StabilityError
from stability.models import LanguageModel, load
from stability.prediction.provenance import ModelCard
from stability.sweeps.measurement import SCHEMA, attempt, measure, outcomes
from stability.sweeps.plan import Plan
from stability.sweeps.prompts import Prompt
from stability.sweeps.sweep import Sweep

pytestmark = pytest.mark.slow

PLAN = Plan(directions=("eig:0", "rival:1"), epsilons=(0.1,), positions=1)
TEXTS = [*SENTENCES, "the dog sat on the cat", "a cat", "Paris is the capital of France"]
PROMPTS = [Prompt(i, f"p-{i}", text, "odd" if i % 2 else None) for i, text in enumerate(TEXTS)]
OPTIONS = ("--directions", "eig:0", "rival:1", "--epsilon", "0.1", "--positions", "1")


CARD = ModelCard("made up", "0", "float32", 4, 1, 9)


class Stopped(Exception):
    """What ends a run in the middle."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    return str(save_model(tmp_path_factory.mktemp("tiny"), FAMILIES["llama"]()))


@pytest.fixture(scope="module")
def lm(folder) -> LanguageModel:
    return load(folder, device="cpu")


@pytest.fixture(scope="module")
def tables(lm) -> list[pa.Table]:
    """The rows of each prompt, by themselves."""
    return [measure(lm, PLAN, prompt) for prompt in PROMPTS]


@pytest.fixture
def sweep(tmp_path) -> Sweep:
    return Sweep(tmp_path / "made" / "sweep")


@pytest.fixture
def run(sweep, lm, tables):
    """Run the sweep and return the indices of the prompts that were left, up to where it ends.

    `stop` is how many are measured before it ends. Rows that are known are not measured anew.
    """

    def run(
        stop: int | None = None,
        plan: Plan = PLAN,
        prompts: list[Prompt] = PROMPTS,
        end: type[BaseException] = Stopped,
    ) -> list[int]:
        measured = []
        try:
            with sweep.claimed(plan, prompts, lm.card):
                for prompt in sweep.left(prompts):
                    if len(measured) == stop:
                        raise end
                    measured.append(prompt.index)
                    known = prompt in PROMPTS
                    outcome = tables[prompt.index] if known else attempt(lm, plan, prompt)
                    sweep.keep(prompt, outcome)
        except end:
            assert stop is not None
        return measured

    return run


# --- run, stopped and resumed ---------------------------------------------------------------------


def test_a_sweep_holds_the_rows_of_every_prompt_in_order(sweep, lm, tables):
    with sweep.claimed(PLAN, PROMPTS, lm.card):
        for prompt, outcome in outcomes(lm, PLAN, sweep.left(PROMPTS)):
            sweep.keep(prompt, outcome)
    assert sweep.table().equals(pa.concat_tables(tables))
    assert sweep.table().schema == SCHEMA
    assert sweep.count() == sum(table.num_rows for table in tables) > 0
    assert sweep.failures() == []
    for prompt, table in zip(PROMPTS, tables, strict=True):
        assert pq.read_table(sweep.rows / f"{prompt.index:07d}.parquet").equals(table)
    assert list(sweep.folder.rglob("*.part")) == []


def test_outcomes_may_come_in_any_order(sweep, lm, tables):
    with sweep.claimed(PLAN, PROMPTS, lm.card):
        for prompt, table in zip(PROMPTS[::-1], tables[::-1], strict=True):
            sweep.keep(prompt, table)
    assert sweep.table().equals(pa.concat_tables(tables))


@pytest.mark.parametrize("end", [Stopped, KeyboardInterrupt])
@pytest.mark.parametrize("stop", [0, 1, 4])
def test_a_stopped_sweep_goes_on_and_measures_nothing_twice(sweep, run, tables, stop, end):
    first = run(stop, end=end)
    assert len(first) == stop
    assert sweep.count() == sum(table.num_rows for table in tables[:stop])
    second = run()
    assert first + second == list(range(6))
    assert sweep.table().equals(pa.concat_tables(tables))


@properties(10)
@given(stops=st.lists(st.integers(0, 3), max_size=5))
def test_however_often_it_stops_every_prompt_is_measured_once(tmp_path_factory, stops):
    """Without a model: the rows are made up."""
    sweep, measured = Sweep(tmp_path_factory.mktemp("sweep")), []
    made = [pa.Table.from_pylist([{"prompt_index": i}] * (i + 1), SCHEMA) for i in range(6)]

    for stop in (*stops, None):
        with suppress(Stopped), sweep.claimed(PLAN, PROMPTS, CARD):
            for prompt in sweep.left(PROMPTS)[:stop]:
                measured.append(prompt.index)
                sweep.keep(prompt, made[prompt.index])
            if stop is not None:
                raise Stopped
    assert measured == list(range(6))
    assert sweep.table().equals(pa.concat_tables(made))


def test_of_a_whole_sweep_nothing_is_left(sweep, run):
    assert sweep.left(PROMPTS) == PROMPTS
    run()
    assert sweep.left(PROMPTS) == []
    assert run() == []


def test_prompts_are_measured_one_by_one_as_their_outcomes_are_taken(lm, monkeypatch):
    taken = []

    def recorded(lm, plan, prompt, pause):
        taken.append(prompt.index)
        return SCHEMA.empty_table()

    monkeypatch.setattr("stability.sweeps.measurement.measure", recorded)
    for count, _ in enumerate(outcomes(lm, PLAN, PROMPTS), start=1):
        assert taken == list(range(count))
    assert taken == list(range(6))


def test_the_rows_are_those_of_the_files_whatever_the_folder_is_called(tmp_path, tables):
    sweep = Sweep(tmp_path / "seed=7" / "kind=other")
    with sweep.claimed(PLAN, PROMPTS, CARD):
        sweep.keep(PROMPTS[0], tables[0])
    assert sweep.table().equals(tables[0])


def test_what_is_half_written_does_not_count(sweep, run, tables):
    run(2)
    whole = (sweep.rows / "0000001.parquet").read_bytes()
    (sweep.rows / "0000002.parquet.part").write_bytes(whole[: len(whole) // 2])
    (sweep.failed / "0000003.json.part").write_text('{"index": 3, "re', encoding="utf-8")
    assert sweep.count() == sum(table.num_rows for table in tables[:2])
    assert sweep.table().equals(pa.concat_tables(tables[:2]))
    assert sweep.failures() == []
    assert run() == [2, 3, 4, 5]
    assert sweep.table().equals(pa.concat_tables(tables))


# --- prompts that cannot be measured --------------------------------------------------------------

LONG = Prompt(1, "long", PROMPT * 30, "long")
NONE = Prompt(3, "none", None, None, "a row needs a text; received 5")
MIXED = [PROMPTS[0], LONG, PROMPTS[2], NONE, PROMPTS[4]]


def test_a_prompt_that_cannot_be_measured_is_kept_with_the_reason_and_stops_no_other(
    sweep, run, tables
):
    assert run(prompts=MIXED) == [0, 1, 2, 3, 4]
    assert sweep.table().equals(pa.concat_tables([tables[0], tables[2], tables[4]]))
    long, none = sweep.failures()
    assert long == {**asdict(LONG), "reason": long["reason"]}
    assert "reads at most 24 tokens; this prompt has " in long["reason"]
    assert none == asdict(NONE)


def test_a_prompt_that_could_not_be_measured_is_not_tried_again(sweep, run):
    assert run(3, prompts=MIXED) == [0, 1, 2]
    assert [failure["id"] for failure in sweep.failures()] == ["long"]
    assert run(prompts=MIXED) == [3, 4]
    assert [failure["id"] for failure in sweep.failures()] == ["long", "none"]


def test_an_attempt_is_the_rows_or_the_reason(lm, tables):
    assert attempt(lm, PLAN, PROMPTS[1]).equals(tables[1])
    assert attempt(lm, PLAN, NONE) == NONE.reason
    [(first, table), (second, reason)] = outcomes(lm, PLAN, [PROMPTS[1], NONE])
    assert (first, second, reason) == (PROMPTS[1], NONE, NONE.reason)
    assert table.equals(tables[1])


# --- folders that hold something else -------------------------------------------------------------

OTHER_PLANS = {
    "sites": Plan(("final",), PLAN.directions, PLAN.epsilons),
    "directions": replace(PLAN, directions=("rival:1", "eig:0")),
    "epsilons": replace(PLAN, epsilons=(0.1, 0.2)),
    "positions": replace(PLAN, positions=3),
    "seed": replace(PLAN, seed=1),
}


def claim(sweep: Sweep, card: ModelCard) -> None:
    """Claim the folder for a sweep of the six prompts."""
    with sweep.claimed(PLAN, PROMPTS, card):
        pass


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", OTHER_PLANS)
def test_another_plan_in_the_same_folder_is_refused_by_what_differs(sweep, run, name):
    run(2)
    before = contents(sweep.folder)
    with pytest.raises(StabilityError, match=f"holds one sweep; the {name} of the one in .* is "):
        run(plan=OTHER_PLANS[name])
    assert contents(sweep.folder) == before
    assert run() == [2, 3, 4, 5]


OTHER_PROMPTS = {
    "a text": [replace(PROMPTS[0], text="the"), *PROMPTS[1:]],
    "a name": [replace(PROMPTS[0], id="q"), *PROMPTS[1:]],
    "fewer": PROMPTS[:-1],
    "another order": PROMPTS[::-1],
}


@pytest.mark.parametrize("prompts", OTHER_PROMPTS.values(), ids=OTHER_PROMPTS)
def test_other_prompts_in_the_same_folder_are_refused(sweep, run, prompts):
    run(2)
    before = contents(sweep.folder)
    with pytest.raises(StabilityError, match=r"; the prompts of the one in .* is \{'number': 6, "):
        run(prompts=prompts)
    assert contents(sweep.folder) == before


def test_another_model_or_version_in_the_same_folder_is_refused(sweep, run, lm, monkeypatch):
    run(2)
    for change in ({"name": "another"}, {"revision": "1"}, {"dtype": "bfloat16"}):
        other = replace(lm.card, **change)
        with pytest.raises(StabilityError, match=r"; the model of the one in .*: choose another f"):
            claim(sweep, other)
    monkeypatch.setattr("stability.sweeps.sweep.__version__", "99")
    with pytest.raises(StabilityError, match=r"; the version of the one in .*, this one's '99'"):
        run()


def test_a_sweep_of_other_columns_is_refused(sweep, run):
    """As of a version whose rows did not say how a direction was asked for."""
    run(2)
    path = sweep.folder / "sweep.json"
    older = json.loads(path.read_text("utf-8"))
    older["columns"].remove("asked")
    path.write_text(json.dumps(older), encoding="utf-8")
    with pytest.raises(StabilityError, match=r"; the columns of the one in .*: choose another f"):
        run()


def test_the_folder_says_what_is_measured(sweep, run, lm):
    run(0)
    held = json.loads((sweep.folder / "sweep.json").read_text("utf-8"))
    assert held["version"] == stability.__version__
    assert held["model"] == asdict(lm.card)
    assert held["prompts"]["number"] == 6
    names = ("sites", "directions", "epsilons", "positions", "seed")
    assert Plan(**{n: tuple(v) if isinstance(v := held[n], list) else v for n in names}) == PLAN


@pytest.mark.parametrize(
    "content",
    [b"[]", b"3", b"{", b'"text"', b"\xff", b"[" * 100_000, b"9" * 5000, None],
    ids=["list", "number", "cut", "text", "bytes", "deep", "endless", "folder"],
)
def test_a_damaged_description_is_said(sweep, run, content):
    run(0)
    path = sweep.folder / "sweep.json"
    path.unlink()
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(StabilityError, match=r"A sweep is known by its sweep.json; .* is damaged"):
        run()


DAMAGED = {
    "rows cut short": ("rows/0000001.parquet", lambda path: os.truncate(path, 10)),
    "no rows": ("rows/0000001.parquet", lambda path: os.truncate(path, 0)),
    "a folder of rows": ("rows/0000001.parquet", lambda path: (path.unlink(), path.mkdir())),
    "a reason cut short": ("failed/0000001.json", lambda path: os.truncate(path, 10)),
    "a folder of reasons": ("failed/0000001.json", lambda path: (path.unlink(), path.mkdir())),
}


@pytest.mark.parametrize(("name", "damage"), DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_outcome_is_named_and_measured_again_once_removed(sweep, run, name, damage):
    prompts = MIXED if name.startswith("failed") else PROMPTS
    run(prompts=prompts)
    path = sweep.folder / name
    damage(path)
    refused = {"match": f"must be whole; .*{path.name}' is damaged .* remove"}
    with pytest.raises(StabilityError, **refused):
        run(prompts=prompts)
    with pytest.raises(StabilityError, **refused):
        (sweep.count(), sweep.failures())
    path.rmdir() if path.is_dir() else path.unlink()
    assert run(prompts=prompts) == [1]
    assert sweep.count() + len(sweep.failures()) > 0


def test_a_folder_in_place_of_the_lock_or_of_an_outcome_is_said(sweep, run):
    run(0)
    (sweep.rows / "0000000.parquet.part").mkdir()
    with pytest.raises(StabilityError, match=r"needs a folder that can be written; .* is not \("):
        run()
    (sweep.folder / ".lock").unlink()
    (sweep.folder / ".lock").mkdir()
    with pytest.raises(StabilityError, match=r"needs a folder that can be written; .* is not \("):
        run()


def test_a_folder_that_cannot_be_written_is_said(sweep, run, monkeypatch):
    run(0)

    def denied(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "touch", denied)  # the tests may run as root, who may write anywhere
    with pytest.raises(StabilityError, match=r"needs a folder that can be written; .* is not \("):
        run()


def test_a_folder_without_rows_has_no_table(sweep, run):
    for _ in range(2):
        with pytest.raises(StabilityError, match=r"A sweep must hold rows; .* has none: run it"):
            sweep.table()
        assert sweep.count() == 0
        assert sweep.failures() == []
        run(0)  # the folder is there, and still has none


def test_of_two_writers_at_once_the_second_is_refused(sweep, run, lm, tables):
    with sweep.claimed(PLAN, PROMPTS, lm.card):
        for prompt in sweep.left(PROMPTS):
            sweep.keep(prompt, tables[prompt.index])
            with pytest.raises(StabilityError, match="One process writes to a sweep; another is w"):
                claim(Sweep(sweep.folder), lm.card)
    assert sweep.table().equals(pa.concat_tables(tables))
    run()  # the first is done: there is no harm in another


# --- killed ---------------------------------------------------------------------------------------


def until(condition: Callable[[], bool], process: subprocess.Popen, seconds: float = 120) -> None:
    """Wait for what a process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"it ended with {process.poll()}, or took too long")
        time.sleep(0.01)


# the command, which measures a prompt only when a file lets it, and takes the file away
GATED = """
import sys, time
from pathlib import Path
from stability import cli
from stability.sweeps import measurement

gate, attempt = Path(sys.argv.pop(1)), measurement.attempt

def gated(*arguments):
    while not gate.exists():
        time.sleep(0.01)
    gate.unlink()
    return attempt(*arguments)

measurement.attempt = gated
cli.main()
"""


def only_progress(text: str) -> bool:
    """Whether nothing else was said: one line, or on a very slow machine more."""
    lines = text.splitlines()
    return lines[0] == "Measuring prompts 0 of 6" and all(
        line.startswith("Measuring prompts ") for line in lines
    )


@pytest.mark.slow
def test_a_sweep_killed_with_signal_9_goes_on_to_the_same_rows(folder, tmp_path, command, capsys):
    """Each prompt waits at a gate: it is certain how far the process gets."""
    vector, gate, rows = (tmp_path / name for name in ("v.json", "gate", "killed/rows"))
    vector.write_text(json.dumps(np.eye(WIDTH)[3].tolist()), encoding="utf-8")
    command = [*command, "--positions", "1", "--directions", f"file:{vector}", "--epsilon", "0.1"]
    into = ["--out", str(tmp_path / "killed")]
    with (tmp_path / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-c", GATED, str(gate), *command, *into],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
    try:
        for done in range(3):
            gate.touch()
            until(lambda done=done: (rows / f"{done:07d}.parquet").exists(), process)
        with pytest.raises(SystemExit) as ended:  # meanwhile, another process
            cli.main([*command, *into])
        assert ended.value.code == 2
        assert "another is writing to" in capsys.readouterr().err
    finally:
        process.kill()
        out, _ = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert out == b""
    assert only_progress((tmp_path / "stderr").read_text("utf-8"))
    kept = {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in rows.iterdir()}
    assert len(kept) == 3
    half = (rows / "0000002.parquet").read_bytes()[:500]
    (rows / "0000003.parquet.part").write_bytes(half)

    cli.main([*command, *into])
    out, err = capsys.readouterr()
    assert out == f"12 rows of 6 prompts in {rows}\n"
    assert err.startswith("Measuring prompts 3 of 6\n")
    for path, stamp in kept.items():
        assert (path.stat().st_ino, path.stat().st_mtime_ns) == stamp
    cli.main([*command, "--out", str(tmp_path / "whole")])
    assert_same(Sweep(tmp_path / "killed").table(), Sweep(tmp_path / "whole").table())


# --- the command line -----------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _load_once(lm, folder, monkeypatch):
    """The model is read once; other names are looked for."""

    def load_once(name, **settings):
        return lm if name == folder else load(name, **settings)

    monkeypatch.setattr("stability.models.load", load_once)


@pytest.fixture
def command(tmp_path, folder) -> list[str]:
    """The command without its folder, on a file of the six prompts."""
    path = tmp_path / "prompts.jsonl"
    rows = [{"id": prompt.id, "kind": prompt.kind, "text": prompt.text} for prompt in PROMPTS]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return ["sweep", "--model", folder, "--prompts", str(path)]


def test_the_result_goes_to_standard_output_and_progress_to_standard_error(
    command, capsys, sweep, tables
):
    cli.main([*command, "--out", str(sweep.folder), *OPTIONS])
    out, err = capsys.readouterr()
    whole = pa.concat_tables(tables)
    assert out == f"{whole.num_rows} rows of 6 prompts in {sweep.rows}\n"
    first, *_, last = err.splitlines()
    assert first == "Measuring prompts 0 of 6"
    assert last.startswith("Measuring prompts 6 of 6, ")
    assert sweep.table().equals(whole)
    cli.main([*command, "--out", str(sweep.folder), *OPTIONS])
    assert capsys.readouterr() == (out, "Measuring prompts 6 of 6\n")


def test_every_option_is_one_of_the_plan(command, capsys, sweep, monkeypatch):
    asked = []

    @contextmanager
    def claimed(self, plan, prompts, model):
        asked.append((self, plan, prompts))
        yield

    monkeypatch.setattr(Sweep, "claimed", claimed)
    monkeypatch.setattr(Sweep, "left", lambda self, prompts: [])
    options = ["--sites", "final", "block:0", "--directions", "eig:2", "prompt:a dog"]
    options += ["--epsilon", "0.2", "3", "--positions", "4", "--seed", "5"]
    cli.main([*command, "--out", str(sweep.folder), *options])
    cli.main([*command, "--out", str(sweep.folder), "--directions", "eig:0"])
    plan = Plan(("final", "block:0"), ("eig:2", "prompt:a dog"), (0.2, 3.0), 4, 5)
    assert asked == [(sweep, plan, PROMPTS), (sweep, Plan(directions=("eig:0",)), PROMPTS)]


def test_prompts_that_could_not_be_measured_are_counted_apart(command, capsys, sweep, tables):
    with Path(command[-1]).open("a", encoding="utf-8") as file:
        file.write("\n{broken\n" + json.dumps(PROMPT * 30))
    cli.main([*command, "--out", str(sweep.folder), *OPTIONS])
    assert capsys.readouterr().out == (
        f"{sum(table.num_rows for table in tables)} rows of 6 prompts in {sweep.rows}\n"
        f"2 prompts could not be measured: the reasons are in {sweep.failed}\n"
    )
    broken, long = sweep.failures()
    assert broken["reason"].startswith("this line is no JSON: ")
    assert "reads at most 24 tokens" in long["reason"]


def test_ctrl_c_ends_a_sweep_without_a_word_and_it_goes_on(
    command, capsys, sweep, tables, monkeypatch
):
    def interrupted(lm, plan, prompt, pause):
        if prompt.index == 3:
            raise KeyboardInterrupt
        return measure(lm, plan, prompt)

    with monkeypatch.context() as patch:
        patch.setattr("stability.sweeps.measurement.measure", interrupted)
        with pytest.raises(SystemExit) as ended:
            cli.main([*command, "--out", str(sweep.folder), *OPTIONS])
    assert ended.value.code == cli.INTERRUPTED
    out, err = capsys.readouterr()
    assert out == ""
    assert only_progress(err)
    cli.main([*command, "--out", str(sweep.folder), *OPTIONS])
    assert capsys.readouterr().err.startswith("Measuring prompts 3 of 6\n")
    assert sweep.table().equals(pa.concat_tables(tables))


def test_progress_counts_what_was_done_before(command, capsys, sweep, tables, monkeypatch):
    counts = []

    @contextmanager
    def recorded(title):
        yield lambda done, of: counts.append((done, of))

    def interrupted_at_two(lm, plan, prompt, pause):
        if prompt.index == 2:
            raise KeyboardInterrupt
        return tables[prompt.index]

    monkeypatch.setattr("stability.cli.progress.progress", recorded)
    with monkeypatch.context() as patch:
        patch.setattr("stability.sweeps.measurement.measure", interrupted_at_two)
        with pytest.raises(SystemExit):
            cli.main([*command, "--out", str(sweep.folder), *OPTIONS])
    assert counts == [(0, 6), (1, 6), (2, 6)]
    counts.clear()
    cli.main([*command, "--out", str(sweep.folder), *OPTIONS])
    assert counts == [(done, 6) for done in range(2, 7)]
    counts.clear()
    cli.main([*command, "--out", str(sweep.folder), *OPTIONS])
    assert counts == [(6, 6)]


BAD = {
    "no prompts named": (
        ["sweep", "--out", "out"],
        "required: --prompts: see `stability sweep --h",
    ),
    "a model whose results are not shipped": (
        ["reproduce", "--models", "another"],
        "argument --models: invalid choice: 'another'",
    ),
    "no folder named": (
        ["sweep", "--prompts", "p.txt"],
        "required: --out: see `stability sweep --",
    ),
    **{
        " ".join(options): (["sweep", "--prompts", "p.txt", "--out", "out", *options], words)
        for options, words in [
            (["--prompts", "absent.txt"], "readable txt in UTF-8; 'absent.txt' is not ("),
            (["--prompts", "p.docx"], "must end in .txt, .jsonl, .csv or .parquet; received 'p.do"),
            (["--prompts", "blank.txt"], "must hold at least one; 'blank.txt' has 0 rows"),
            (["--directions", "north"], "A direction must be eig:K, random:N, covariance:N, "),
            (["--out", ""], "argument --out: a folder needs a name; received ''"),
            (["--out", "o\udc80"], r"argument --out: text must be UTF-8; received 'o\udc80'"),
            (["--seed", "9" * 5000], "argument --seed: invalid int value: '999"),
            (
                ["--directions", "random:" + "9" * 5000],
                "whole and not negative; received 'random:9",
            ),
            (["--sites", "block:" + "9" * 5000], "; received 'block:9"),
            (["--directions", "eig:0", "eig:32"], "between 0 and 31 here; received 32"),
            (["--directions", "rival:0"], "count from 1; received 'rival:0': try rival:1"),
            (["--directions", "prompt:\udcff"], r"text must be UTF-8; received 'prompt:\udcff'"),
            ([], "between 0 and 31 here; received 100"),  # of the default directions
            (["--sites", "nowhere"], "; received 'nowhere': use 'prelogit'"),
            (["--sites", "prelogit", "block:2"], "; received 'block:2': use 'block:1'"),
            (["--epsilon", "0"], "positive number of nats; received 0.0"),
            (["--epsilon", "0.1", "nan"], "positive number of nats; received nan"),
            (["--epsilon", "x"], "argument --epsilon: invalid float value: 'x'"),
            (["--positions", "0"], "at least one position a prompt and a seed that is not negativ"),
            (["--seed", "-1"], "a seed that is not negative; received 2 and -1"),
            (["--seed", "1.5"], "argument --seed: invalid int value: '1.5'"),
            (["--model", "./nothing.gguf"], "nothing.gguf"),
            # before any model is looked for
            (["--epsilon", "0", "--model", "./nothing.gguf"], "positive number of nats"),
            (["--prompts", "absent.txt", "--model", "./nothing.gguf"], "'absent.txt' is not ("),
        ]
    },
}


def test_a_clock_that_stands_still_is_no_error(clock, capsys):
    with progress("Measuring") as report:
        report(0, 4)
        report(1, 4)
        report(4, 4)
    assert capsys.readouterr().err.splitlines()[-1].startswith("Measuring 4 of 4")


@pytest.mark.parametrize(("arguments", "words"), BAD.values(), ids=BAD)
def test_bad_input_is_one_line_on_standard_error_status_2_and_no_folder(
    arguments, words, folder, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    Path("p.txt").write_text(PROMPT, encoding="utf-8")
    Path("blank.txt").write_text("\n", encoding="utf-8")
    if "--model" not in arguments:
        arguments = [*arguments, "--model", folder]
    assert words in refusal(arguments, capsys)
    assert not Path("out").exists()


def test_a_folder_that_is_another_sweeps_or_in_use_is_one_line_and_status_2(
    command, capsys, sweep, lm, tables
):
    into = [*command, "--out", str(sweep.folder)]
    with sweep.claimed(PLAN, PROMPTS, lm.card):
        for prompt, table in zip(PROMPTS, tables, strict=True):
            sweep.keep(prompt, table)
    assert "; the seed of the one in " in refusal([*into, *OPTIONS, "--seed", "7"], capsys)
    with FileLock(sweep.folder / ".lock"):
        assert "another is writing to" in refusal([*into, *OPTIONS], capsys)
    assert sweep.table().equals(pa.concat_tables(tables))


# --- progress -------------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch) -> list[float]:
    """A clock that shows what is put in it."""
    shown = [100.0]
    monkeypatch.setattr("stability.cli.progress.time.monotonic", lambda: shown[0])
    return shown


def test_a_log_has_a_line_every_half_minute_with_rate_and_time_left(clock, capsys):
    """At 4 prompts a second, from the fortieth on."""
    with progress("Measuring") as report:
        for done in range(40, 401):
            clock[0] = 100.5 + (done - 40) / 4 if done > 40 else 100.5
            report(done, 400)
    out, err = capsys.readouterr()
    assert out == ""
    counts = [line.split(" of ")[0] for line in err.splitlines()]
    # the first at once, the others when 30 seconds have gone by, the last when all is done
    assert counts == [f"Measuring {done}" for done in (40, 160, 280, 400)]
    assert err.splitlines()[0] == "Measuring 40 of 400"
    # 120 prompts in 30.5 seconds, and 240 to go at that rate
    assert err.splitlines()[1] == "Measuring 160 of 400, 3.9 a second, about 61 s left"
    assert err.splitlines()[3].endswith(", about 0 s left")


def test_a_person_sees_a_bar_on_standard_error_and_no_log(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    with progress("Measuring") as report:
        report(0, 4)
        report(4, 4)
    out, err = capsys.readouterr()
    assert out == ""
    assert "4/4" in err
    assert " of 4" not in err
