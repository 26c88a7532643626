"""Streamlit's own scripts that a page asks for only once it is drawn, so that they can come before."""

import re
from collections.abc import Iterator
from pathlib import Path

import streamlit as st

# of the elements that Explore has
ELEMENTS = ("BidiComponent", "Button", "Checkbox", "Html", "NumberInput", "Selectbox")
# what a script cannot run without, as Streamlit's own are built
IMPORTED = re.compile(r'(?:from|import)"\./([^"]+\.js)"')


def later_scripts(document: str, start: str) -> list[str]:
    """Where the scripts of these elements are, and all that they import, but for what a document names.

    Args:
        document: Streamlit's.
        start: where the script is that starts it, beside which the others are.
    """
    folder = start.rpartition("/")[0]
    here = Path(st.__file__).with_name("static") / folder
    names = {path.name: None for element in ELEMENTS for path in here.glob(f"{element}.*.js")}
    waiting = [*names]
    while waiting:
        for name in _imported(here / waiting.pop()):
            if name not in names and name not in document:
                names[name] = None
                waiting.append(name)
    return [f"{folder}/{name}" for name in names]


def _imported(script: Path) -> Iterator[str]:
    return (found[1] for found in IMPORTED.finditer(script.read_text(encoding="utf-8")))
