"""The models on this server: loaded in the background, shared by all sessions, and let go unused."""

import ctypes
import gc
import sys
import threading
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

import streamlit as st

from stability.errors import writing
from stability.models.examination import examine
from stability.models.hub_download import snapshot
from stability.models.memory import require_memory
from stability.models.model_name import ModelName, is_gguf, parse_name
from stability.models.progress import Report, part
from stability.models.requirements import Requirements
from stability.ui.cached.background import STORES, Jobs
from stability.ui.cached.job import Job, wait_for_stopped
from stability.ui.cached.keyed import forget_results
from stability.ui.imports import imported
from stability.ui.model_choice import ModelChoice
from stability.ui.uploads import upload_at

if TYPE_CHECKING:  # torch, which takes seconds
    from stability.models import LanguageModel

# downloads run side by side, and what is loaded is never forgotten for being old: `let_go` decides
_models = Jobs(max_entries=sys.maxsize, at_once=8)
_downloads = Jobs(max_entries=8, at_once=8)
# one at a time, or two would each find the memory that only one of them can take
_LOADING = threading.Lock()
# one at a time, so that all is gone when it returns
_LETTING_GO = threading.Lock()
# seconds for work that was stopped to end
PATIENCE = 3.0


# sessions begin while others are listed
_HOLDING = threading.Lock()


@dataclass(eq=False)
class Hold:
    """The models that a session uses and waits for, in their written form; it goes with the session."""

    model: str = ""
    wanted: str = ""


_holds: "WeakSet[Hold]" = WeakSet()


def hold() -> Hold:
    """The hold of this session."""
    if "hold" not in st.session_state:
        st.session_state.hold = Hold()
        with _HOLDING:
            _holds.add(st.session_state.hold)
    held: Hold = st.session_state.hold
    return held


def loaded(model: str) -> "LanguageModel":
    """The model of a choice's written form, with its progress on the page while it loads."""
    lm: LanguageModel = _models.get(model, partial(_load, model))
    return lm


def start_loading(model: str) -> Job:
    """Load a model in the background."""
    return _models.start(model, partial(_load, model))


def start_fetching(model: str) -> Job:
    """Fetch what a model lacks in the background, and load nothing."""
    return _downloads.start(model, partial(_fetch, parse_name(ModelChoice.parse(model).name)))


def stop_loading(job: Job, model: str) -> None:
    """Stop loading a model, unless another session waits for it."""
    if not is_used(model):
        job.stop()


def is_loaded(model: str) -> bool:
    """Whether a model is here already."""
    return model in _models.ready()


def is_used(model: str) -> bool:
    """Whether a session uses a model or waits for it."""
    return _held()[model] > 0


def is_used_once(model: str) -> bool:
    """Whether one session alone uses a model."""
    return _held()[model] <= 1


def let_go() -> None:
    """Forget the models that no session uses or waits for, and every result made from them."""
    with _LETTING_GO:
        gc.unfreeze()
        # the holds of sessions that have ended may hang in circles
        gc.collect()
        if _models.ready() - set(_held()):
            # what was stopped as its model was left may still ask for it, and would load it again
            wait_for_stopped(PATIENCE)
        # somebody may have come back meanwhile
        if unused := _models.ready() - set(_held()):
            for store in list(STORES):
                store.leave(partial(_is_of, unused))
            forget_results()
            gc.collect()
            _return_memory()
        # Streamlit collects after every run of a page: 480 ms with all of torch to look through, and
        # none with only what is new
        gc.freeze()


@st.cache_data(ttl=60, max_entries=64, show_spinner="Looking at the model")
def requirements(name: str) -> Requirements:
    """What a model asks for before it is loaded; raises StabilityError where there is none."""
    return examine(parse_name(name))


def _load(model: str, report: Report) -> "LanguageModel":
    """Fetch what is missing, then load: the one part may take long, the other needs the memory."""
    choice = ModelChoice.parse(model)
    name = parse_name(choice.name)
    if name.kind == "hub":
        _fetch(name, part(report, 0.0, 0.8))
        report = part(report, 0.8, 1.0)
    with _LOADING:
        let_go()
        require_memory(examine(name), choice.dtype, choice.device)
        load = imported("stability.models").load
        source = choice.name
        if upload_at(source) and is_gguf(source):
            source = _converted(Path(source), part(report, 0.0, 0.8))
            report = part(report, 0.8, 1.0)
        lm: LanguageModel = load(source, choice.dtype, choice.device, report)
        gc.freeze()
    return lm


def _fetch(name: ModelName, report: Report) -> None:
    """Fetch what a hub model lacks, if it is one."""
    if name.kind == "hub":
        snapshot(name, report)


def _converted(gguf: Path, report: Report) -> str:
    """The folder of an uploaded GGUF, made beside it: the cache of models keeps no visitor's file."""
    from stability.models.packaged.convert import convert

    folder = gguf.with_suffix("")
    with writing("An uploaded GGUF needs a folder", gguf.parent):
        # beside it and nowhere else: the visitor may have left meanwhile
        for part_of_it in (folder, folder / "source"):
            part_of_it.mkdir(exist_ok=True)
        convert(gguf, folder, report)
    return str(folder)


def _held() -> Counter[str]:
    """The models that sessions use or wait for, and by how many each."""
    with _HOLDING:
        return Counter(model for held in _holds for model in {held.model, held.wanted})


def _is_of(models: set[Hashable], key: Hashable) -> bool:
    """Whether the key of a result names one of some models."""
    if isinstance(key, tuple):
        return any(_is_of(models, entry) for entry in key)
    return getattr(key, "model", key) in models


def _return_memory() -> None:
    """Let the C library give what is free back to the system; it keeps half of a model otherwise."""
    trim: Any = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
