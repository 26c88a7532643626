"""The notebook that is shipped: executed, as a reader executes it, and as it lies there."""

import copy
import os

import nbclient
import nbformat
import pytest
from support.paths import ROOT

NOTEBOOK = ROOT / "assets" / "explore.ipynb"
WIDGETS = "application/vnd.jupyter.widget-state+json"
# bytes, beyond which viewers of notebooks are slow
LARGEST = 1_000_000


@pytest.fixture(scope="module")
def shipped():
    return nbformat.read(NOTEBOOK, as_version=4)


def said(notebook):
    """What the cells print, and the errors among it."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert [output for output in outputs if output.output_type == "error"] == []
    return [output.text for output in outputs if output.output_type == "stream"]


def instrument(notebook):
    """The state of the one widget that shows the instrument."""
    states = notebook.metadata.widgets[WIDGETS].state.values()
    [found] = [state.state for state in states if state.model_name == "AnyModel"]
    return found


def test_it_holds_its_results_and_the_instrument_itself(shipped):
    assert NOTEBOOK.stat().st_size < LARGEST
    kept = instrument(shipped)
    assert kept.scene.line.kind == "exact"
    assert "renderNotebook" in kept._esm
    assert said(shipped)


@pytest.mark.slow
def test_executed_again_it_says_the_same(shipped, smollm2_folder, monkeypatch):
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    again = copy.deepcopy(shipped)
    nbclient.NotebookClient(again, timeout=300, resources={"metadata": {"path": ROOT}}).execute()
    assert said(again) == said(shipped)
    assert instrument(again).scene.setting.prompt == instrument(shipped).scene.setting.prompt
