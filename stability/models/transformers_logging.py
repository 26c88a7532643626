"""Silence transformers: progress is reported by `progress`, and an error is one sentence."""

import importlib
import logging as standard_logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# the switches below are global: one thread at a time may turn them
_LOCK = threading.RLock()


@contextmanager
def quiet() -> Iterator[None]:
    """Turn off progress bars, logs and warnings of transformers and its hub client, then restore."""
    from transformers.utils import logging

    gguf_reader: Any = importlib.import_module("transformers.modeling_gguf_pytorch_utils")
    hub_logger = standard_logging.getLogger("huggingface_hub")
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        verbosity, hub_level = logging.get_verbosity(), hub_logger.level
        bars_enabled, gguf_bar = logging.is_progress_bar_enabled(), gguf_reader.tqdm
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        hub_logger.setLevel(standard_logging.CRITICAL)
        # the reader imports tqdm's own bar, which the switch above does not turn off
        gguf_reader.tqdm = logging.tqdm
        try:
            yield
        finally:
            gguf_reader.tqdm = gguf_bar
            hub_logger.setLevel(hub_level)
            logging.set_verbosity(verbosity)
            if bars_enabled:
                logging.enable_progress_bar()
