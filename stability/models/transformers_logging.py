"""Silence for transformers: progress is reported our way, and an error is one sentence."""

import importlib
import logging as standard_logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_SWITCHES = threading.RLock()  # held while the libraries' global switches are turned


@contextmanager
def quiet() -> Iterator[None]:
    """Turn off the bars and logs of transformers and its hub client, and restore them."""
    from transformers.utils import logging

    reader: Any = importlib.import_module("transformers.modeling_gguf_pytorch_utils")
    hub = standard_logging.getLogger("huggingface_hub")
    with _SWITCHES:
        verbosity, bars, bar = (
            logging.get_verbosity(),
            logging.is_progress_bar_enabled(),
            reader.tqdm,
        )
        hub_level = hub.level
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        hub.setLevel(standard_logging.CRITICAL)
        reader.tqdm = logging.tqdm  # or it draws tqdm's own bar, deaf to the switch above
        try:
            yield
        finally:
            reader.tqdm = bar
            hub.setLevel(hub_level)
            logging.set_verbosity(verbosity)
            if bars:
                logging.enable_progress_bar()
