"""The files that the page is made of beside Python: styles, scripts and pictures, read once."""

from functools import cache
from importlib.resources import files


@cache
def resource(name: str) -> str:
    """The text of a file of this package."""
    return files("stability.ui.widgets").joinpath(name).read_text("utf-8")
