"""The scripts of a sheet as a file that browsers keep: its name tells its text from every other."""

import hashlib
from functools import cache

from stability.instrument import bundle

ENTRIES = {"instrument": ("instrument", "view"), "dose": ("dose_sheet", "dose_view")}


@cache
def address(sheet: str) -> str:
    """Where a sheet's scripts are, beside each page."""
    digest = hashlib.sha256(bundle.module(*ENTRIES[sheet]).encode()).hexdigest()
    return f"{sheet}.{digest[:16]}.js"


@cache
def served() -> dict[str, bytes]:
    """All of these files by their names."""
    return {address(sheet): bundle.module(*entries).encode() for sheet, entries in ENTRIES.items()}
