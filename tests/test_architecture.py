"""Who may import whom: read from the source, and from a fresh interpreter."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest
from support.paths import ROOT

SOURCES = [
    path.relative_to(ROOT)
    for path in sorted(
        [*ROOT.glob("*.py"), *ROOT.glob("pages/**/*.py"), *ROOT.glob("stability/**/*.py")]
    )
]
MODELS, UI, FIGURES = (Path("stability", name) for name in ("models", "ui", "figures"))
# each chapter rests only on those before it, and all on the modules that lie beside them
CHAPTERS = (
    "prediction",
    "vector_files",
    "curvature",
    "exact",
    "numerical",
    "geometry",
    "dictionaries",
    "views",
    "figures",
    "instrument",
    "models",
    "steering",
    "sweeps",
    "evaluation",
    "reproduction",
    "bench",
    "cli",
    "ui",
)
# and so do the parts of the chapter on steering
STEERING = ("passes", "vectors", "crossings", "doses", "checks", "texts", "scenes")
FRONT = {Path("stability", "__init__.py"), Path("stability", "__main__.py")}


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
    assert MODELS / "reading.py" in users
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


def test_no_mathematics_imports_a_model():
    users = importers("stability.models")
    assert any(within(path, UI) for path in users)
    allowed = {
        path for part in ("models", "steering", "cli", "ui") for path in users if part in path.parts
    }
    assert users - allowed - FRONT == set()


@pytest.mark.parametrize("module", ["torch", "streamlit", "transformers", "stability.models"])
def test_figures_draw_and_do_nothing_else(module):
    assert any(within(path, FIGURES) for path in importers("plotly"))
    assert [path for path in importers(module) if within(path, FIGURES)] == []


def chapter(module: str) -> int:
    """The place of a module's chapter; −1 for the modules that all chapters rest on."""
    name = [*module.split("."), ""][1]
    return CHAPTERS.index(name) if name in CHAPTERS else -1


def graph() -> dict[str, set[str]]:
    """What each module of the library imports of it; a package stands for its `__init__`."""
    modules = {path.with_suffix(""): path for path in SOURCES if path.parts[0] == "stability"}
    names = {
        ".".join(module.parts).removesuffix(".__init__"): path for module, path in modules.items()
    }
    return {
        name: imports((ROOT / path).read_text(encoding="utf-8"), ".".join(path.parent.parts))
        & names.keys() - {name}
        for name, path in names.items()
    }


def test_every_folder_is_a_chapter():
    folders = {path.parts[1] for path in SOURCES if path.parts[0] == "stability" and path.parts[2:]}
    assert folders == set(CHAPTERS)


def test_each_chapter_rests_only_on_those_before_it():
    upwards = [
        (name, imported)
        for name, found in graph().items()
        for imported in found
        if chapter(imported) > chapter(name) and name not in ("stability", "stability.__main__")
    ]
    assert upwards == []


def test_each_part_of_steering_rests_only_on_those_before_it():
    def part(name):
        return STEERING.index(name.split(".")[2]) if name.startswith("stability.steering.") else -1

    pairs = [(name, other) for name, found in graph().items() for other in found]
    inside = [pair for pair in pairs if pair[0].startswith("stability.steering.")]
    assert {part(name) for name, _ in inside} == set(range(len(STEERING)))
    assert [pair for pair in inside if part(pair[1]) > part(pair[0])] == []


def test_inside_the_app_pages_rest_on_widgets_and_on_no_other_page():
    pages = "stability.ui.pages."

    def page(name):
        return name.removeprefix(pages).split(".")[0] if name.startswith(pages) else None

    found = {
        (name, imported)
        for name, known in graph().items()
        for imported in known
        if page(imported) and page(name) != page(imported)
    }
    widgets = "stability.ui.widgets."
    crossing = {pair for pair in found if page(pair[0]) or pair[0].startswith(widgets)}
    assert crossing == set()
    assert found  # what opens the pages


def test_importing_the_library_loads_neither_torch_nor_transformers():
    code = (
        "import sys, stability, stability.ui, stability.cli, stability.models.packaged.cache; "
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
    # a module may name a sibling through their package, whose face names both
    edges = {
        name: {module for module in imported if not name.startswith(f"{module}.")}
        for name, imported in graph().items()
    }
    order = [*graphlib.TopologicalSorter(edges).static_order()]
    theory = ["prediction.state", "curvature.fisher", "curvature.spectrum", "geometry.ray"]
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


def test_modules_stay_below_200_lines():
    lengths = {
        path: len((ROOT / path).read_text(encoding="utf-8").splitlines()) for path in SOURCES
    }
    assert {path: length for path, length in lengths.items() if length >= 200} == {}
