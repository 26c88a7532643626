"""What the first visitor of a server would wait for, made while the first page is drawn."""

import gc
import sys
import threading
from functools import cache

from streamlit import runtime

from stability.errors import StabilityError
from stability.ui.imports import imported


@cache
def start() -> None:
    """Begin once, if this is a server and no test of a page."""
    # a test's stand-in is an instance, too
    if runtime.exists() and type(runtime.get_instance()) is runtime.Runtime:
        threading.Thread(target=_warm_up, name="warm-up", daemon=True).start()


def is_imported() -> bool:
    """Whether torch and all that rests on it is imported, so that asking for it takes no time."""
    module = sys.modules.get("stability.ui.pages.explore.scenes")
    return module is not None and not getattr(module.__spec__, "_initializing", False)


def _warm_up() -> None:
    imported("stability.ui.pages.explore.scenes")
    from stability.ui.cached import cloud, explore
    from stability.ui.cached.ahead import start_ahead
    from stability.ui.cached.chips import start_chips
    from stability.ui.pages.explore.first import CHOICE

    gc.freeze()
    try:
        along = explore.start_ray(CHOICE).future.result()
        for start in (explore.start_plane, explore.start_calibrated):
            start(along, CHOICE.direction)
        start_chips(along.key, len(along.analysis.state.tokens)).future.result()
        for job in start_ahead(along, CHOICE.direction):
            job.future.result()
        cloud.compile_umap()
    # a page that asks for it says so
    except StabilityError:
        return
