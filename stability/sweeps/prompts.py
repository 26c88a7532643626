"""Prompts from a file: one a line of text, or one a row of JSONL, CSV or Parquet.

A row that holds no prompt does not spoil the file: it is kept with the reason.
"""

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stability.errors import StabilityError, reason_of
from stability.prediction.conversation import Conversation, PromptLike
from stability.text import counted, is_unicode

# columns that may hold the text; the first that a row has is read
TEXT_FIELDS = ("text", "prompt")
# or, without these, a conversation
MESSAGES = "messages"
# characters of a field; the csv module's own limit is 131,072
CSV_FIELD_LIMIT = 2**31 - 1
SUFFIXES = ".txt, .jsonl, .csv or .parquet"


@dataclass(frozen=True)
class Prompt:
    """One prompt of a file: its index there from 0, its id, text or conversation, and kind.

    Where `text` is None, `reason` says why. The id is the index if the file gives none.
    """

    index: int
    id: str
    text: PromptLike | None
    kind: str | None = None
    reason: str | None = None


def read_prompts(path: Path) -> list[Prompt]:
    """Read the prompts of a file, in order, without blank lines.

    Rows have a `text` (or `prompt`), or the `messages` of a conversation, each with its `role` and
    `content`; they may have an `id` and a `kind`. A row of JSONL may also be a bare string. Raises
    StabilityError for a file that cannot be read, or that holds no prompt at all.
    """
    readers = {".txt": _lines, ".jsonl": _jsonl, ".csv": _csv, ".parquet": _parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise StabilityError(
            f"A file of prompts must end in {SUFFIXES}; received {str(path)!r}: rename or convert it."
        )
    try:
        prompts = [_prompt(index, row) for index, row in enumerate(reader(path))]
    except (OSError, ValueError, OverflowError) as error:
        raise StabilityError(
            f"A file of prompts must be readable {path.suffix[1:]} in UTF-8; {str(path)!r} is not "
            f"({reason_of(error)}): check the path and the file."
        ) from error
    if all(prompt.text is None for prompt in prompts):
        reason = f" ({prompts[0].reason})" if prompts else ""
        lines = path.suffix.lower() == ".txt"
        remedy = "write one a line" if lines else f"name the field {TEXT_FIELDS[0]!r}"
        raise StabilityError(
            f"A file of prompts must hold at least one; {str(path)!r} has "
            f"{counted(len(prompts), 'row')} and none with text{reason}: {remedy}."
        )
    return prompts


def _lines(path: Path) -> Iterator[Any]:
    # not `splitlines`, which also cuts at characters that a text or a JSON string may hold
    lines = path.read_text("utf-8-sig").split("\n")
    yield from (line.removesuffix("\r") for line in lines if line.strip())


def _jsonl(path: Path) -> Iterator[Any]:
    for line in _lines(path):
        try:
            yield json.loads(line)
        except (ValueError, RecursionError):
            yield ValueError(f"this line is no JSON: {line!r:.80}")


def _csv(path: Path) -> Iterator[Any]:
    csv.field_size_limit(CSV_FIELD_LIMIT)
    with path.open(encoding="utf-8-sig", newline="") as file:
        # strict: a quote that is not closed must not take in the lines after it
        reader, start = csv.DictReader(file, strict=True), 1
        try:
            if reader.fieldnames is None:
                return
            start = reader.line_num + 1
            for row in reader:
                start = reader.line_num + 1
                surplus = row.pop(None, [])
                if any(surplus):
                    yield ValueError(f"this row has more fields than the header: {surplus!r:.80}")
                else:
                    yield row
        except csv.Error as error:
            raise ValueError(
                f"in the row that begins at line {start} a quote is not closed, or a field is too long"
            ) from error


def _parquet(path: Path) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # by default, `key=value` in the path to the file would make a column
        yield from pq.read_table(path, partitioning=None).to_pylist()
    except (pa.ArrowException, OSError) as error:
        # of what the system refuses it gives the reason
        if getattr(error, "strerror", None):
            raise
        raise ValueError("it is damaged, or of another format") from error


def _prompt(index: int, row: Any) -> Prompt:
    """The prompt of a row, which a reader gives as a dictionary, a bare text or an error."""
    fields = row if isinstance(row, dict) else {}
    name, kind = (None if fields.get(key) is None else str(fields[key]) for key in ("id", "kind"))
    text = _text(row) if isinstance(row, dict) else row
    reason = None
    if isinstance(text, ValueError):
        reason = str(text)
    elif not isinstance(text, PromptLike):
        reason = f"a row needs a text; received {row!r:.80}"
    elif not str(text).strip():
        reason = f"a prompt needs some text; received {text!r:.80}"
    elif not is_unicode(f"{name}{kind}{text}"):
        reason = f"a row must have a UTF-8 form; received {row!r:.80}"
        name, kind = None, None
    return Prompt(index, name or str(index), None if reason else text, kind, reason)


def _text(row: dict[str, Any]) -> Any:
    """The text of a row, or its conversation, or the error that a malformed one is."""
    text = next((row[field] for field in TEXT_FIELDS if field in row), None)
    if text is not None or MESSAGES not in row:
        return text
    try:
        return Conversation.of(row[MESSAGES])
    except StabilityError as error:
        return error
