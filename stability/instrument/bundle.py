"""All scripts of the instrument as the text of one module.

The same text serves a page of Streamlit, a notebook and a saved page, and it is always that of this
very version: no folder of files has to be served beside it. Each script keeps a scope of its own.
"""

import re
from functools import cache
from graphlib import TopologicalSorter
from importlib.resources import files

IMPORT = re.compile(r'^import (\{[^}]*\}|\* as \w+) from "\./(\w+)\.js";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?=(?:async )?(?:function\*?|const|class) (\w+))", re.MULTILINE)


@cache
def module(*entries: str) -> str:
    """Some scripts with all that they need, as one module that exports what these do.

    >>> print(module("cividis").rpartition("export ")[2])
    const { cividis } = $cividis;
    <BLANKLINE>
    """
    sources: dict[str, str] = {}
    to_read = list(entries)
    while to_read:
        if (name := to_read.pop()) not in sources:
            sources[name] = script(f"{name}.js")
            to_read += needed(sources[name])
    order = TopologicalSorter({name: needed(source) for name, source in sources.items()})
    scopes = [_scope(name, sources[name]) for name in order.static_order()]
    exports = [f"export const {_exported(sources[name])} = ${name};\n" for name in entries]
    return "".join([*scopes, *exports])


@cache
def script(name: str) -> str:
    """The text of a script."""
    return files("stability.instrument").joinpath("js", name).read_text("utf-8")


@cache
def style() -> str:
    """The style of everything below a node of class `instrument`."""
    return files("stability.instrument").joinpath("instrument.css").read_text("utf-8")


def needed(source: str) -> list[str]:
    """The scripts that a script imports."""
    return [name for _, name in IMPORT.findall(source)]


def _scope(name: str, source: str) -> str:
    """A script as a function that is called once, its imports as constants."""
    body = EXPORT.sub("", IMPORT.sub(_constant, source))
    return f"const ${name} = (() => {{\n{body}return {_exported(source)};\n}})();\n"


def _constant(found: "re.Match[str]") -> str:
    names, name = found.groups()
    names = names.removeprefix("* as ").replace(" as ", ": ")
    return f"const {names} = ${name};\n"


def _exported(source: str) -> str:
    return f"{{ {', '.join(EXPORT.findall(source))} }}"
