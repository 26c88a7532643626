"""The prompts that a visitor types or uploads."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from stability.errors import StabilityError
from stability.sweeps.prompts import Prompt, read_prompts

# the command line takes any number
MOST_PROMPTS = 200


def given_prompts(file: Any, pasted: str) -> tuple[Prompt, ...]:
    """The prompts of an uploaded file or of a text field.

    Raises StabilityError where there are none or too many, or where both are given.
    """
    if file is None and not pasted.strip():
        raise StabilityError("Nothing to measure yet: type a prompt a line, or choose a file.")
    if file and pasted.strip():
        raise StabilityError(
            f"Prompts come from one place; received both text and {file.name!r}: clear one of them."
        )
    name, data = (file.name, file.getvalue()) if file else ("pasted.txt", pasted.encode())
    prompts = read_upload(name, data)
    if len(prompts) > MOST_PROMPTS:
        raise StabilityError(
            f"At most {MOST_PROMPTS} prompts are measured here; received {len(prompts)}: use "
            "`python -m stability sweep` for more, which can be stopped and goes on."
        )
    return tuple(prompts)


def read_upload(name: str, data: bytes) -> list[Prompt]:
    """Read the prompts of an uploaded file; errors call it by its name."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"upload{Path(name).suffix}"
        path.write_bytes(data)
        try:
            return read_prompts(path)
        except StabilityError as error:
            raise StabilityError(str(error).replace(str(path), name)) from error
