"""The models that were loaded last, by name: a small file in this computer's own data folder."""

import json
import os
import tempfile
import threading
from pathlib import Path

from platformdirs import user_data_path

MOST = 8
_lock = threading.Lock()


def recent_models() -> list[str]:
    """The written forms of the models that were loaded last, the newest first."""
    try:
        names = json.loads(_file().read_text("utf-8"))
    # absent, or not written by `remember`
    except (OSError, ValueError, RecursionError):
        return []
    return (
        [name for name in names if isinstance(name, str)][:MOST] if isinstance(names, list) else []
    )


def remember(model: str) -> None:
    """Put a model that was loaded first; without a folder that can be written nothing is kept."""
    with _lock:
        names = [model, *(name for name in recent_models() if name != model)][:MOST]
        file = _file()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            _replace(file, json.dumps(names, indent=2))
        except OSError:
            return


def _replace(file: Path, content: str) -> None:
    """Write a file that appears whole, and leave nothing else behind."""
    descriptor, partial = tempfile.mkstemp(dir=file.parent, suffix=".partial")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as written:
            written.write(content)
        os.replace(partial, file)
    except OSError:
        os.unlink(partial)
        raise


def _file() -> Path:
    return user_data_path("stability", appauthor=False) / "recent_models.json"
