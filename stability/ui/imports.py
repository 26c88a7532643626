"""Modules that bring torch or transformers, imported by one thread at a time.

Two threads that import them at once, each from its own end, would find modules that are half made.
"""

import threading
from importlib import import_module
from typing import Any

_IMPORTING = threading.RLock()


def imported(name: str) -> Any:
    """Import a module, after whatever another thread is importing; return it."""
    with _IMPORTING:
        return import_module(name)
