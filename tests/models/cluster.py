"""Sweeps on a Dask cluster: a real one, of two worker processes on this machine."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from pathlib import Path

import dask
import pyarrow as pa
import pytest
from dask import distributed
from distributed.utils import get_mp_context
from support.models import FAMILIES, PROMPT, SENTENCES, save_model
from support.tables import assert_same

from stability import cli
from stability.errors import StabilityError
from stability.models import LanguageModel, load
from stability.models.cluster import mapped
from stability.sweeps.measurement import Outcome, attempt, measure
from stability.sweeps.plan import Plan
from stability.sweeps.prompts import Prompt
from stability.sweeps.sweep import Sweep

PLAN = Plan(directions=("eig:0", "random:1"), epsilons=(0.1,), positions=1)
PROMPTS = [Prompt(i, str(i), f"{SENTENCES[i % 3]} {'abcd'[i // 3]}") for i in range(12)]
# what takes workers seconds to import
PRELOADED = [
    "distributed",
    "stability.sweeps.measurement",
    "transformers.models.llama.modeling_llama",
]
LONG = 300.0  # seconds: an upper bound for a very busy machine


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    return str(save_model(tmp_path_factory.mktemp("tiny"), FAMILIES["llama"]()))


@pytest.fixture(scope="module")
def lm(folder) -> LanguageModel:
    return load(folder, device="cpu")


@pytest.fixture(scope="module")
def local(lm) -> list[pa.Table]:
    """The rows of each prompt, measured here."""
    return [measure(lm, PLAN, prompt) for prompt in PROMPTS]


@pytest.fixture(scope="module")
def address() -> str:
    """Where a scheduler with two workers listens."""
    before = dict(os.environ)
    # a worker, also one in place of a dead one, is a copy of one process that has loaded torch
    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        get_mp_context().set_forkserver_preload(PRELOADED)
        with distributed.LocalCluster(
            n_workers=2,
            processes=True,
            threads_per_worker=1,
            dashboard_address=":0",  # any port: another cluster may have the usual one
            silence_logs=60,  # nothing: that a worker was killed is no news here
        ) as cluster:
            yield cluster.scheduler_address
    # Dask tells its workers by way of ours how many threads to have
    os.environ.clear()
    os.environ.update(before)


def measured(lm: LanguageModel, prompt: Prompt) -> Outcome:
    """What a worker does with each prompt."""
    return attempt(lm, PLAN, prompt)


def until(condition: Callable[[], bool]) -> None:
    """Wait for what other processes do."""
    deadline = time.monotonic() + LONG
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"it did not happen within {LONG:.0f} s")
        time.sleep(0.02)


# --- what workers do ------------------------------------------------------------------------------


def test_a_sweep_on_a_cluster_is_the_sweep_made_here(
    address, folder, lm, local, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("stability.models.load", lambda name, **settings: lm)
    prompts = tmp_path / "prompts.jsonl"
    lines = [json.dumps(prompt.text) for prompt in PROMPTS]
    prompts.write_text("\n".join([*lines, json.dumps(PROMPT * 30)]), encoding="utf-8")
    command = ["sweep", "--model", folder, "--prompts", str(prompts), "--positions", "1"]
    command += ["--directions", *PLAN.directions, "--epsilon", "0.1", "--scheduler", address]
    sweep = Sweep(tmp_path / "sweep")
    cli.main([*command, "--out", str(sweep.folder)])
    out, err = capsys.readouterr()
    assert out == (
        f"48 rows of 12 prompts in {sweep.rows}\n"
        f"1 prompt could not be measured: the reasons are in {sweep.failed}\n"
    )
    assert err.splitlines()[0] == "Measuring prompts 0 of 13"
    assert err.splitlines()[-1].startswith("Measuring prompts 13 of 13, ")
    assert_same(sweep.table(), pa.concat_tables(local))
    [failure] = sweep.failures()
    assert "reads at most 24 tokens" in failure["reason"]


def test_a_model_that_no_worker_can_load_is_the_users_to_mend(address, tmp_path):
    absent = str(tmp_path / "absent")
    with pytest.raises(StabilityError, match=r"A local model must be a folder .* is missing"):
        next(mapped(address, absent, measured, PROMPTS[:1]))


def test_nothing_to_do_is_done_without_a_scheduler():
    assert list(mapped("nowhere", "a model", measured, [])) == []


def watched(notes: Path) -> Callable[[LanguageModel, Prompt], Outcome]:
    """Measure, but leave a note of the process, and from the third prompt on wait for a file."""

    def measure_with_a_note(lm: LanguageModel, prompt: Prompt) -> Outcome:
        (notes / f"{prompt.index}-{os.getpid()}").touch()
        if prompt.index >= 2:
            until((notes / "go on").exists)
        return measured(lm, prompt)

    return measure_with_a_note


def test_a_worker_killed_midway_costs_no_prompt_and_repeats_none(address, folder, local, tmp_path):
    notes = tmp_path / "notes"
    notes.mkdir()

    def begun() -> list[tuple[int, int]]:
        """Prompts and the processes that have begun them."""
        names = [path.name for path in notes.iterdir() if path.name != "go on"]
        return [(int(prompt), int(pid)) for prompt, pid in (name.split("-") for name in names)]

    def holding() -> dict[int, int]:
        """The prompt that each worker waits at."""
        return {pid: prompt for prompt, pid in begun() if prompt >= 2}

    outcomes = mapped(address, folder, watched(notes), PROMPTS)
    kept = [next(outcomes)]
    until(lambda: len(holding()) == 2)
    pid, lost = next(iter(holding().items()))
    assert pid != os.getpid()
    os.kill(pid, signal.SIGKILL)
    (notes / "go on").touch()
    kept += outcomes

    assert Counter(prompt.index for prompt, _ in kept) == dict.fromkeys(range(len(PROMPTS)), 1)
    for prompt, table in kept:
        assert_same(table, local[prompt.index])
    again = [worker for prompt, worker in begun() if prompt == lost]
    assert len(again) == 2  # who was killed, and who took over
    assert pid in again


# --- no cluster -----------------------------------------------------------------------------------


def refusal(address: str) -> str:
    """Why there is no cluster, in one sentence."""
    with pytest.raises(StabilityError) as refused:
        next(mapped(address, "a model", measured, PROMPTS))
    sentence = str(refused.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize("where", ["tcp://127.0.0.1:1", "nonsense", "smoke://signals:1"])
def test_where_no_scheduler_answers_it_says_how_to_start_one(where, monkeypatch):
    patient = distributed.Client
    monkeypatch.setattr(
        "dask.distributed.Client", lambda address, timeout: patient(address, timeout="0.5s")
    )
    sentence = refusal(where)
    assert sentence.startswith(f"No Dask scheduler answers at {where!r} (")
    assert "start one with `dask scheduler`, and workers with `dask worker ADDRESS" in sentence


class Without(MetaPathFinder):
    """Finds no Dask."""

    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in ("dask", "distributed"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_without_dask_it_says_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] in ("dask", "distributed")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Without(), *sys.meta_path])
    sentence = refusal("tcp://127.0.0.1:1")
    assert sentence == (
        "A cluster needs Dask, and 'dask' is not installed: run `pip install '.[cluster]'`."
    )


def test_without_a_cluster_the_command_ends_with_one_line_and_goes_on_without(
    folder, lm, local, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("stability.models.load", lambda name, **settings: lm)
    (tmp_path / "p.txt").write_text(PROMPTS[0].text, encoding="utf-8")
    command = ["sweep", "--model", folder, "--prompts", str(tmp_path / "p.txt")]
    command += ["--out", str(tmp_path / "sweep"), "--positions", "1", "--epsilon", "0.1"]
    command += ["--directions", *PLAN.directions]
    with pytest.raises(SystemExit) as ended:
        cli.main([*command, "--scheduler", "nonsense"])
    out, err = capsys.readouterr()
    assert ended.value.code == 2
    assert out == ""
    progress, line = err.splitlines()
    assert progress == "Measuring prompts 0 of 1"
    assert line.startswith("stability: No Dask scheduler answers at 'nonsense' (")
    cli.main(command)
    assert Sweep(tmp_path / "sweep").table().equals(local[0])


@pytest.fixture
def alone(tmp_path):
    """A scheduler in a process of its own, and its address."""
    file = tmp_path / "scheduler.json"
    options = ["--no-dashboard", "--port", "0", "--scheduler-file", str(file)]
    process = started("dask_scheduler", *options)
    try:
        until(file.exists)
        yield process, json.loads(file.read_text("utf-8"))["address"]
    finally:
        process.kill()
        process.wait()


def started(program: str, *options: str) -> subprocess.Popen:
    """One of Dask's own programs, which finds this file and `support` as modules."""
    here = Path(__file__).parent
    return subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.{program}", *options],
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(here), str(here.parent)])},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_without_workers_it_says_how_to_start_some(alone, monkeypatch):
    monkeypatch.setattr("stability.models.cluster.PATIENCE", 0.2)
    with pytest.raises(StabilityError, match=r"needs workers; the one at .* has had none for 0 s"):
        next(mapped(alone[1], "a model", measured, PROMPTS))


def test_a_scheduler_that_dies_midway_is_said(alone, folder, local, tmp_path):
    scheduler, address = alone
    notes = tmp_path / "notes"
    notes.mkdir()
    worker = started("dask_worker", address, "--nthreads", "1", "--local-directory", str(tmp_path))
    try:
        outcomes = mapped(address, folder, watched(notes), PROMPTS)
        prompt, table = next(outcomes)
        assert_same(table, local[prompt.index])
        scheduler.kill()
        with pytest.raises(
            StabilityError, match=r"has gone away \(.*: start it again; what is done"
        ):
            list(outcomes)
    finally:
        (notes / "go on").touch()
        worker.kill()
        worker.wait()


def fatal(lm: LanguageModel, prompt: Prompt) -> str:
    """End the process that works on the second prompt."""
    if prompt.index == 1:
        os._exit(1)
    return "fine"


def test_a_prompt_that_no_worker_survives_is_recorded_and_the_rest_goes_on(folder, address):
    with distributed.Client(address) as client:
        until(lambda: len(client.nthreads()) == 2)
    results = mapped(address, folder, fatal, PROMPTS[:4])
    outcomes = {prompt.index: reason for prompt, reason in results}
    assert "the workers that tried it died" in outcomes.pop(1)
    assert outcomes == {0: "fine", 2: "fine", 3: "fine"}
