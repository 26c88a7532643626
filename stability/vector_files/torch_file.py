"""`.pt` files, of tensors alone: EasyEdit2, persona vectors, lm-evaluation-harness, plain ones."""

import io
from typing import Any

import numpy as np

from stability.vector_files.content import LARGEST, TENSORS, no_lens, no_vector, reading
from stability.vector_files.layer_names import named, site_in_file_name
from stability.vector_files.lm_eval import is_lm_eval, read_lm_eval
from stability.vector_files.named_arrays import from_arrays
from stability.vector_files.values import floats_of
from stability.vector_files.vector_file import Entry, VectorFile, checked, rows_of

FORMAT = ".pt tensor"


def read_torch(data: bytes, name: str) -> VectorFile:
    """Read tensors that torch has saved; raises StabilityError for objects of any other class."""
    content = _loaded(data, name)
    if is_lm_eval(content):
        return read_lm_eval(content, name)
    if isinstance(content, dict) and "J" in content:
        raise no_lens(name)
    if isinstance(content, dict):
        arrays = {
            str(key): value for key, value in content.items() if isinstance(value, np.ndarray)
        }
        if len(arrays) < len(content):
            raise no_vector(name, "its dictionary holds more than tensors")
        return from_arrays(arrays, f"{FORMAT}s by name", name)
    if not isinstance(content, np.ndarray):
        raise no_vector(name, "it holds no tensor")
    if content.ndim == 2 and len(content) > 1:
        rows = rows_of(content, "the tensor", name)
        return VectorFile(name, "matrix of vectors (persona vectors, .pt)", rows, layered=True)
    site = site_in_file_name(name)
    return VectorFile(
        name,
        f"{FORMAT} (EasyEdit2)" if site else FORMAT,
        (Entry("vector", checked(content, "the tensor", name), site, site),),
        warnings=named(site, name),
    )


def _loaded(data: bytes, name: str) -> Any:
    import torch

    with reading(name, TENSORS):
        # quantized tensors and those without data raise nearly anything
        return _plain(torch.load(io.BytesIO(data), map_location="cpu", weights_only=True), name)


def _plain(content: Any, name: str) -> Any:
    """Tensors as arrays, in dictionaries too."""
    import torch

    if isinstance(content, dict):
        return {key: _plain(value, name) for key, value in content.items()}
    if isinstance(content, list) and len(content) == 1:
        return _plain(content[0], name)
    if not isinstance(content, torch.Tensor):
        return content
    # a tensor may repeat one number without end
    if content.layout != torch.strided or content.numel() * 8 > 4 * LARGEST:
        raise no_vector(name, f"a tensor of the shape {list(content.shape)}")
    return floats_of(content.detach().resolve_neg())
