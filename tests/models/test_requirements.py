"""The memory that loading is said to take, against the memory that it takes."""

import subprocess
import sys

import pytest
from support.models import FAMILIES, save_model
from support.paths import ROOT

from stability.models.examination import examine
from stability.models.model_name import parse_name
from stability.models.packaged.registry import PACKAGED
from stability.models.requirements import (
    WORKING,
    WORKING_PER_TOKEN,
    Requirements,
    Weights,
    licence_of,
    weights_of,
)

# what a process has for itself: files that it maps are given back when memory is short
MEASURE = """
import sys, threading
import torch, transformers.models.llama.modeling_llama
import stability
from stability.models import load
def own():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon"))
start, most, done = own(), 0, threading.Event()
def watch():
    global most
    while not done.wait(0.002):
        most = max(most, own())
watcher = threading.Thread(target=watch)
watcher.start()
lm = load(sys.argv[1], dtype=sys.argv[2], device="cpu")
stability.spectrum(lm.capture("the cat"))
done.set()
watcher.join()
print(most - start)
"""


def test_memory_is_that_of_the_weights_and_of_a_float32_copy_of_the_unembedding():
    asked = Requirements("M", "none", 0, Weights(1000, unembedding=300, vocabulary=50))
    working = WORKING + 50 * WORKING_PER_TOKEN
    assert asked.memory("float32") == 4 * 1000 + working
    assert asked.memory("bfloat16") == asked.memory("float16") == 2 * 1000 + 4 * 300 + working


def test_a_conversion_to_float32_may_need_more_than_what_is_loaded_then():
    asked = Requirements("M", "none", 0, Weights(1000, 300, 0), is_converted=True)
    assert asked.memory("bfloat16") == asked.memory("float32") == 4 * 1000 + 4 * 300 + WORKING


def test_what_is_unknown_stays_unknown():
    assert Requirements("M", "unknown", None, None).memory("float32") is None
    assert (
        licence_of({})
        == licence_of({"license": ["mit"]})
        == licence_of({"license": "a\nb"})
        == "unknown"
    )
    assert licence_of({"license": "other", "license_name": "gemma"}) == "gemma"


def test_the_unembedding_is_the_matrix_with_the_longest_side():
    shapes = [(8,), (8, 24), (50, 8), (4, 24, 8)]
    assert weights_of(shapes) == Weights(8 + 8 * 24 + 50 * 8 + 4 * 24 * 8, 50 * 8, 50)
    assert weights_of([]) == Weights(0, 0, 0)


def test_the_registry_states_the_sizes_of_its_default_model(smollm2_folder):
    found = examine(parse_name("smollm2-135m"))
    assert found.weights == PACKAGED["smollm2-135m"].weights
    assert found.licence == "Apache-2.0"
    assert found.to_fetch == 0


@pytest.mark.slow
@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells what a process has for itself"
)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_loading_takes_no_more_memory_than_is_said(tmp_path, dtype):
    """A model of 390 MB: a second copy of its weights would be seen, beside 150 MB for the rest."""
    config = FAMILIES["llama"]()
    config.vocab_size, config.hidden_size, config.intermediate_size = 32_000, 1024, 4096
    folder = save_model(tmp_path / "large", config, edit=lambda model: model.bfloat16())
    asked = examine(parse_name(str(folder)))
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(folder), dtype],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    most = int(done.stdout)
    working = WORKING + asked.weights.vocabulary * WORKING_PER_TOKEN
    # the weights in another precision than that of their file are the process's own
    least = asked.weights.parameters * 4 if dtype == "float32" else 4 * asked.weights.unembedding
    assert least <= most <= asked.memory(dtype) - working + 150_000_000
