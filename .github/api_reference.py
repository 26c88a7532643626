"""Write the API reference, made from the docstrings: `python .github/api_reference.py FOLDER`."""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # this checkout, whatever is installed

import pdoc  # noqa: E402

import stability  # noqa: E402
import stability.models  # noqa: E402

CHAPTERS = (
    "prediction",
    "curvature",
    "exact",
    "numerical",
    "geometry",
    "models",
    "sweeps",
    "evaluation",
)


def write(folder: Path) -> None:
    """Write a page for the public names, and one for each chapter of the library."""
    for package in (stability, stability.models):
        for name in package.__all__:  # they are imported when they are first used
            setattr(package, name, getattr(package, name))
    pdoc.render.configure(docformat="google", math=False)
    pdoc.pdoc("stability", *(f"stability.{name}" for name in CHAPTERS), output_directory=folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    write(parser.parse_args().folder)
