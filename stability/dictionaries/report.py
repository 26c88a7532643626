"""A dictionary as plain data: rows as JSON, and all rows as a table."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from stability.dictionaries.dictionary import Dictionary
from stability.dictionaries.row import SIDES, DictionaryRow
from stability.errors import writing
from stability.exact.flips import Flip

ROWS_AT_ONCE = 1024
# what a spreadsheet would take for a formula
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def report(dictionary: Dictionary, rows: Sequence[DictionaryRow]) -> dict[str, Any]:
    """Some rows of a dictionary with what they were measured on, ready for JSON."""
    state, here = dictionary.state, dictionary.state.here
    return {
        "model": asdict(state.model),
        "dictionary": {
            "file": dictionary.rows.file,
            "format": dictionary.rows.format,
            "rows": len(dictionary),
            "extracted": dictionary.rows.extracted,
            "measured": state.site,
            "certainty": dictionary.certainty,
            "warnings": list(dictionary.warnings),
        },
        "prompt": str(state.prompt),
        "position": state.position,
        "token": {"id": here.id, "text": here.text},
        "norm": state.norm,
        "unit": {"length": "coordinates of the vector", "divergence": "nats"},
        "rows": [row.report() for row in rows],
    }


def write_csv(dictionary: Dictionary, epsilons: Sequence[float], path: Path) -> None:
    """Write all rows in their own order, with closed form and brackets at every `ε`.

    Raises StabilityError if the file cannot be written.
    """
    with (
        writing("A table needs a file", path),
        path.open("w", newline="", encoding="utf-8") as file,
    ):
        write_table(dictionary, epsilons, file)


def write_table(dictionary: Dictionary, epsilons: Sequence[float], file: TextIO) -> None:
    """Write the same table into an open file."""
    csv.writer(file, quoting=csv.QUOTE_NONNUMERIC).writerows(_table(dictionary, epsilons))


def _table(dictionary: Dictionary, epsilons: Sequence[float]) -> Iterator[list[Any]]:
    """The lines of a table of all rows, its header first."""
    radii = ("radius", *(f"{end} {side}" for side in SIDES for end in ("inner", "outer")))
    yield [
        *("row", "name", "norm", "curvature"),
        *(f"{name} at {epsilon:g}" for epsilon in epsilons for name in radii),
        *(
            f"{name} {side}"
            for side in SIDES
            for name in ("flip distance", "flip", "pushed", "raised")
        ),
    ]
    for start in range(0, len(dictionary), ROWS_AT_ONCE):
        part = range(start, min(start + ROWS_AT_ONCE, len(dictionary)))
        at_each = [dictionary.ranked(epsilon, len(part), part) for epsilon in epsilons]
        for rows in zip(*at_each, strict=True):
            yield [_cell(cell) for cell in _line(rows)]


def _line(rows: Sequence[DictionaryRow]) -> Iterator[Any]:
    first = rows[0]
    yield from (first.index, first.name, first.norm, first.curvature)
    for row in rows:
        yield row.radius
        yield from (end for side in row.certified or ((None, None),) * 2 for end in side)
    flips = first.flips or (None, None)
    for flip, pushed, steepest in zip(flips, first.pushed, first.steepest, strict=True):
        yield from _taken(flip)
        yield from (" ".join(repr(push.text) for push in side) for side in (pushed, steepest))


def _taken(flip: Flip | None) -> tuple[float | None, str | None]:
    return (None, None) if flip is None else (flip.distance, repr(flip.text))


def _cell(value: Any) -> Any:
    """A cell that no spreadsheet computes; empty for None."""
    if value is None:
        return ""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
