"""Language models: the only part of the library that knows transformers."""

from stability.models.language_model import LanguageModel
from stability.models.loading import load

__all__ = ["LanguageModel", "load"]
