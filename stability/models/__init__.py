"""Language models: the only chapter that imports transformers."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stability.models.language_model import LanguageModel
    from stability.models.loading import load

_HOMES = {"LanguageModel": "language_model", "load": "loading"}
__all__ = ["LanguageModel", "load"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: the model cache must be readable without torch."""
    if name not in _HOMES:
        raise AttributeError(f"module 'stability.models' has no attribute {name!r}")
    return getattr(import_module(f"stability.models.{_HOMES[name]}"), name)
