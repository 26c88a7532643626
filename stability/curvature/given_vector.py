"""The direction of a vector that is given: in a file, or as the content of one."""

from pathlib import Path

import torch

from stability.curvature.direction import Direction, unit
from stability.prediction.state import State
from stability.vector_files.choice import choose
from stability.vector_files.registry import parse_vectors, read_vectors, split_name
from stability.vector_files.vector_file import VectorFile


def from_file(state: State, path: str | Path) -> Direction:
    """The direction of the vector that a file has for the state's site, or of `FILE#NAME`."""
    file, name = split_name(str(path))
    return _chosen(state, read_vectors(file), name)


def pasted(
    state: State, data: bytes, name: str = "pasted vector", entry: str | None = None
) -> Direction:
    """The direction of a vector given as the content of such a file, labelled `name`.

    `entry` is the file's own name of the vector, where it holds several.
    """
    return _chosen(state, parse_vectors(data, name), entry)


def _chosen(state: State, file: VectorFile, name: str | None) -> Direction:
    chosen = choose(file, state.model.n_layers, name, state.site)
    [values] = chosen.vectors.values()
    vector = torch.from_numpy(values).to(state.vector.device)
    label = file.file if name is None else f"{file.file}#{name}"
    return Direction("file", label, unit(vector, state.width), warnings=chosen.warnings)
