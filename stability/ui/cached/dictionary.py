"""Cached results of the Dictionary page: an open file, its rows measured, and the truth of some."""

import os
from dataclasses import dataclass

import streamlit as st

from stability.dictionaries.dictionary import Dictionary
from stability.dictionaries.measure import dictionary
from stability.dictionaries.row import DictionaryRow
from stability.errors import opening
from stability.models.progress import Report
from stability.ui.cached.background import Jobs, Stop
from stability.ui.cached.states import StateKey, state
from stability.vector_files.row_file import RowFile
from stability.vector_files.row_readers import open_rows

_measured, _followed = Jobs(4, takes_turns=True), Jobs(16, takes_turns=True)


@dataclass(frozen=True)
class FileKey:
    """A file by its path, and by when it was changed last."""

    path: str
    changed: float

    @classmethod
    def of(cls, path: str) -> "FileKey":
        """The key of the file as it is now; raises StabilityError if there is none."""
        with opening("A dictionary", path):
            return cls(path, os.stat(path).st_mtime)


@dataclass(frozen=True)
class DictionaryKey:
    """A file whose rows are measured at a state."""

    file: FileKey
    state: StateKey

    @property
    def model(self) -> str:
        """The model that it is measured on, with which the result is let go."""
        return self.state.model


@st.cache_resource(max_entries=4, show_spinner=False)
def opened(file: FileKey) -> RowFile:
    """The rows of a file, not yet read."""
    return open_rows(file.path)


def has_measured(key: DictionaryKey) -> bool:
    """Whether the rows are measured, or on their way."""
    return _measured.has(key)


def measured(key: DictionaryKey, on_stop: Stop = None) -> Dictionary:
    """All rows of a file, with progress."""
    here, source = state(key.state), opened(key.file)

    def work(report: Report) -> Dictionary:
        return dictionary(here, source, lambda part: report("Measuring the rows", part))

    found: Dictionary = _measured.get(key, work, on_stop)
    return found


def followed(
    key: DictionaryKey, rows: tuple[DictionaryRow, ...], epsilon: float, on_stop: Stop = None
) -> tuple[DictionaryRow, ...]:
    """Some rows with their true boundaries at a budget, with progress."""
    found = measured(key, on_stop)

    def work(report: Report) -> tuple[DictionaryRow, ...]:
        return found.with_truth(rows, lambda part: report("Following the listed rows", part))

    indices = tuple(row.index for row in rows)
    known: tuple[DictionaryRow, ...] = _followed.get((key, indices, epsilon), work, on_stop)
    return known
