"""Who may import whom: read from the source, and from a fresh interpreter."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = [
    path.relative_to(ROOT)
    for path in sorted(
        [*ROOT.glob("*.py"), *ROOT.glob("pages/**/*.py"), *ROOT.glob("stability/**/*.py")]
    )
]
MODELS, UI, FIGURES = (Path("stability", name) for name in ("models", "ui", "figures"))
# one page, its controls and its figures
LONG = {UI / "explore.py"}
FRONT = {Path("stability", f"{name}.py") for name in ("__init__", "__main__", "cli", "commands")}


def imports(source: str, package: str = "stability") -> set[str]:
    """Every module that a source names in an import, also in functions and under TYPE_CHECKING."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*(above if node.level else []), *filter(None, [node.module])])
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "import_module":
            found |= {str(arg.value) for arg in node.args if isinstance(arg, ast.Constant)}
    return found


def importers(module: str) -> set[Path]:
    """The files that import a module or a part of it."""
    return {
        path
        for path in SOURCES
        for name in imports((ROOT / path).read_text(encoding="utf-8"), ".".join(path.parent.parts))
        if name == module or name.startswith(f"{module}.")
    }


def within(path: Path, folder: Path) -> bool:
    return folder in path.parents


@pytest.mark.parametrize(
    ("source", "package", "module"),
    [
        ("import a.b as c", "p", "a.b"),
        ("def f():\n    from a import b", "p", "a.b"),
        ("if TYPE_CHECKING:\n    import a", "p", "a"),
        ("from . import b", "p.q", "p.q.b"),
        ("from ..r import b", "p.q", "p.r.b"),
        ("importlib.import_module('a.b')", "p", "a.b"),
    ],
)
def test_every_way_to_import_is_seen(source, package, module):
    assert module in imports(source, package)


def test_only_the_models_know_transformers():
    users = importers("transformers")
    assert MODELS / "loading.py" in users
    assert [path for path in users if not within(path, MODELS)] == []


def test_only_the_app_knows_streamlit():
    users = importers("streamlit")
    assert any(within(path, UI) for path in users)
    allowed = [
        path
        for path in users
        if within(path, UI) or path == Path("app.py") or within(path, Path("pages"))
    ]
    assert sorted(users) == sorted(allowed)


def test_no_maths_imports_a_model():
    users = importers("stability.models")
    assert FRONT & users  # the front does
    maths = [
        path
        for path in users
        if within(path, Path("stability"))
        and not (within(path, MODELS) or within(path, UI) or path in FRONT)
    ]
    assert maths == []


@pytest.mark.parametrize("module", ["torch", "streamlit", "transformers", "stability.models"])
def test_figures_draw_and_do_nothing_else(module):
    assert any(within(path, FIGURES) for path in importers("plotly"))
    assert [path for path in importers(module) if within(path, FIGURES)] == []


def test_nothing_below_the_app_imports_it():
    users = importers("stability.ui")
    assert Path("app.py") in users
    below = [path for path in users if path.parts[0] == "stability" and not within(path, UI)]
    assert [path for path in below if path not in FRONT] == []


def test_importing_the_library_loads_neither_torch_nor_transformers():
    code = (
        "import sys, stability, stability.ui, stability.models.packaged.cache; "
        "print(*sorted(sys.modules)); "
        "stability.spectrum; print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded, torch_when_used = done.stdout.splitlines()
    assert "stability" in loaded.split()
    assert {"torch", "transformers", "streamlit", "numpy"}.isdisjoint(loaded.split())
    assert torch_when_used == "True"


def test_imports_run_one_way():
    """No circle, also not through an import inside a function: each module stands on others."""
    modules = {path.with_suffix(""): path for path in SOURCES if path.parts[0] == "stability"}
    names = {".".join(module.parts): path for module, path in modules.items()}
    graph = {
        name: imports((ROOT / path).read_text(encoding="utf-8"), ".".join(path.parent.parts))
        & names.keys()
        for name, path in names.items()
    }
    order = [*graphlib.TopologicalSorter(graph).static_order()]
    theory = [
        "prediction.readout",
        "prediction.state",
        "fisher",
        "spectra",
        "directions",
        "rays",
        "analysis",
    ]
    assert sorted(theory, key=lambda name: order.index(f"stability.{name}")) == theory


def test_every_public_thing_says_what_it_is():
    def public(node: ast.AST) -> list[ast.AST]:
        inside = [
            child
            for child in ast.iter_child_nodes(node)
            if isinstance(child, ast.FunctionDef | ast.ClassDef)
            and not child.name.startswith("_")
            and not any(getattr(by, "id", "") == "overload" for by in child.decorator_list)
        ]
        return inside + [
            method
            for child in inside
            if isinstance(child, ast.ClassDef)
            for method in public(child)
        ]

    for path in SOURCES:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        silent = [node.name for node in public(tree) if not ast.get_docstring(node)]
        assert ast.get_docstring(tree), path
        assert silent == [], path


def test_modules_stay_below_300_lines():
    lengths = {
        path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in SOURCES
    }
    assert {path for path, length in lengths.items() if length >= 300} <= LONG
