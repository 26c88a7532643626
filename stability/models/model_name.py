"""Names of models as people type them, told apart before a file is opened or a hub is asked."""

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal

from stability.errors import StabilityError
from stability.models.packaged.registry import PACKAGED

WEIGHT_FILES = (".gguf", ".safetensors")
# bytes, of one part of a path and of a whole one, on the usual file systems
LONGEST_PART, LONGEST = 255, 4095
# characters of a name that a sentence repeats
REPEATED = 60
_URL = re.compile(r"[a-z][a-z0-9+.-]+:", re.IGNORECASE)
_REVISION = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*", re.ASCII)


@dataclass(frozen=True)
class ModelName:
    """A name that `load` takes, its kind, and the repository and revision of a hub id."""

    text: str
    kind: Literal["packaged", "path", "hub"]
    repository: str = ""
    revision: str | None = None

    @property
    def path(self) -> Path:
        """Return where a model on this computer lies, with the user's folder for ~."""
        # unlike Path.expanduser, it leaves an unknown user as it is
        return Path(os.path.expanduser(self.text))


def is_gguf(path: str | PurePath) -> bool:
    """Return whether a path is named as a GGUF file, in whatever case."""
    return PurePath(path).suffix.lower() == ".gguf"


def parse_name(typed: str) -> ModelName:
    """Say what a typed name is: of a packaged model, a path on this computer, or a hub id.

    Raises StabilityError for a name that can be none of them.
    """
    text = typed.strip()
    if text in PACKAGED:
        return ModelName(text, "packaged")
    _require_sound(text)
    if _is_path(text):
        return ModelName(text, "path")
    repository, at, revision = text.partition("@")
    _require_hub_id(text, repository)
    if at and not (_REVISION.fullmatch(revision) and len(revision) <= LONGEST_PART):
        raise StabilityError(
            "A revision after @ must be a branch, a tag or a commit of the hub; received "
            f"{shortened(revision)}: leave out the @ for the newest."
        )
    return ModelName(text, "hub", repository, revision or None)


def shortened(name: str) -> str:
    """A name as a sentence repeats it: quoted, its control characters visible, its end left out."""
    return repr(name if len(name) <= REPEATED else f"{name[:REPEATED]}…")


def _require_sound(text: str) -> None:
    """Raise StabilityError for what no file system and no hub takes."""
    if not text or not text.isprintable():
        raise StabilityError(
            f"A model's name must be one line of printable characters; received {shortened(text)}: "
            "type a packaged name, a hub id such as org/name, or a path."
        )
    if _URL.match(text):
        raise StabilityError(
            f"A model is named by its hub id or its path; received the address {shortened(text)}: "
            "write org/name alone."
        )
    parts = re.split(r"[/\\]", text)
    if len(text.encode()) > LONGEST or max(len(part.encode()) for part in parts) > LONGEST_PART:
        raise StabilityError(
            f"A model's name must have at most {LONGEST_PART} bytes in each of its parts; received "
            f"{len(text.encode())} bytes, {shortened(text)}: check the name."
        )


def _is_path(text: str) -> bool:
    begins = text.startswith(("/", ".", "~", "\\")) or re.match(r"[A-Za-z]:", text)
    # `load` reads a folder of that name before it asks the hub
    return bool(begins) or text.lower().endswith(WEIGHT_FILES) or os.path.isdir(text)


def _require_hub_id(text: str, repository: str) -> None:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise StabilityError(
            "A model must be a packaged name, a hub id (org/name or org/name@revision), or a path "
            f"that begins with / or ./; received {shortened(text)}: check the name."
        ) from error
