"""What is so of every scene that ships with the package."""

import subprocess
import sys
from importlib.resources import files


def loads_torch(package: str) -> bool:
    """Whether reading a package's shipped scene brings torch in."""
    code = f"import sys; from {package}.first import first; first(); print('torch' in sys.modules)"
    read = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {"True": True, "False": False}[read.stdout.strip()]


def size(package: str) -> int:
    """The bytes of a package's shipped scene."""
    return len(files(package).joinpath("first.json").read_bytes())
