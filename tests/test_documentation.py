"""What is written for readers: the README's program runs, and the API reference is made."""

import inspect
import json
import re
import subprocess
import sys
from dataclasses import fields, is_dataclass

import pytest
from support.paths import ROOT

import stability
from stability.models.gguf.architectures import ARCHITECTURES

README = (ROOT / "README.md").read_text("utf-8")
# in the README's Python: a value that is printed, and the number that the comment gives for it
SAID = re.compile(
    r"print\((.+?)\)  # [^:]*: ([0-9.]+)(?: on the − side, ([0-9.]+) on the \+ side)?"
)


def program() -> str:
    return re.search(r"```python\n(.+?)```", README, re.DOTALL)[1]


@pytest.mark.model
@pytest.mark.slow
def test_the_readmes_program_runs_and_prints_what_its_comments_say(smollm2_folder):
    """As a reader runs it: in a process of its own, without the checks of the tests."""
    said = SAID.findall(program())
    assert len(said) >= 2
    values = ", ".join(f"np.ravel({expression}).tolist()" for expression, *_ in said)
    done = subprocess.run(
        [sys.executable, "-c", f"{program()}\nimport json; print(json.dumps([{values}]))"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for printed, (_, *numbers) in zip(json.loads(done.stdout.splitlines()[-1]), said, strict=True):
        assert [f"{value:.3f}" for value in printed] == [number for number in numbers if number]


@pytest.mark.slow
def test_the_api_reference_holds_every_public_name(tmp_path):
    script = ROOT / ".github" / "api_reference.py"
    done = subprocess.run(
        [sys.executable, "-W", "error::UserWarning", str(script), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "stability.html").read_text("utf-8")
    assert [name for name in stability.__all__ if f'id="{name}"' not in page] == []
    assert (tmp_path / "stability" / "exact" / "self_concordance.html").exists()


def test_every_file_that_the_readme_maps_is_there():
    paths = re.findall(
        r"^\s+(stability/[\w/.]*|tests/|pages/|app\.py|assets/)\s", README, re.MULTILINE
    )
    assert len(paths) >= 14
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_link_and_picture_of_the_readme_is_there():
    headings = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    links = re.findall(r"\]\(([^):]+)\)", README)
    assert len(links) >= 8
    for link in links:
        assert link[1:] in anchors if link.startswith("#") else (ROOT / link).exists()


def test_the_readme_names_the_architectures_of_gguf_files_that_are_read():
    listed = re.search(r"`\.gguf` file of\s(.+?)\. The", README, re.DOTALL)[1]
    assert re.split(r",\s|\sor\s", listed) == [*ARCHITECTURES]


@pytest.mark.parametrize("old", ["across", "path", "Path"])
def test_old_spellings_of_public_names_work(old):
    current = {"across": "depth_check", "path": "interpolation", "Path": "Interpolation"}[old]
    assert getattr(stability, old) is getattr(stability, current)
    assert old not in stability.__all__


# an example of these needs a model: it is shown, and not run with the others
SHOWN = {
    "Budget",
    "Dose",
    "DoseMap",
    "LanguageModel",
    "Price",
    "SelfCheck",
    "check",
    "check_vector",
    "continuations",
    "contrast_vector",
    "dose",
    "dose_map",
    "load",
}


@pytest.mark.parametrize("name", stability.__all__)
def test_every_public_name_has_an_example(name):
    mark = "::\n" if name in SHOWN else ">>> "
    assert mark in inspect.getdoc(getattr(stability, name))


def undescribed(thing):
    """The fields that a docstring neither lists nor names in code."""
    described = inspect.getdoc(thing)
    names = [field.name for field in fields(thing)]
    return [n for n in names if not re.search(rf"^\s*{n}: |`{n}`", described, re.MULTILINE)]


def test_every_field_of_a_public_class_is_described():
    public = {name: getattr(stability, name) for name in stability.__all__}
    silent = {name: undescribed(thing) for name, thing in public.items() if is_dataclass(thing)}
    assert len(silent) > 10
    assert {name: names for name, names in silent.items() if names} == {}
