"""Files of steering vectors as each tool writes them, by hand from the tools' documentation."""

import io
import json
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.torch import save

WIDTH = 8
V = {layer: np.linspace(-1, 2, WIDTH).astype(np.float32) * (layer + 1) for layer in range(4)}


def npy(array: object) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**arrays: object) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def zipped(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, content)
    return file.getvalue()


def twice(first: str, second: str) -> bytes:
    """An archive of two arrays under two names of its members, which may be the same."""
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w") as archive:
        warnings.simplefilter("ignore")
        archive.writestr(first, npy(V[1]))
        archive.writestr(second, npy(V[3]))
    return file.getvalue()


def locked(archive: bytes) -> bytes:
    """An archive of one member, said to need a password."""
    content = bytearray(archive)
    for signature, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(signature) + flags] |= 1
    return bytes(content)


def pt(content: object, **options: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


def safetensors(tensors: Mapping[str, np.ndarray], **metadata: str) -> bytes:
    return save({k: torch.from_numpy(v).clone() for k, v in tensors.items()}, metadata or None)


def control_vector(
    path: Path,
    directions: Mapping[int, np.ndarray],
    architecture: str = "controlvector",
    **fields: object,
) -> bytes:
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_string(f"{architecture}.model_hint", "llama")
    writer.add_uint32(f"{architecture}.layer_count", len(directions))
    if glp := fields.pop("glp", None):
        writer.add_string("glp.mode", glp)
    for key, value in fields.items():
        add = writer.add_string if isinstance(value, str) else writer.add_float32
        add(f"{architecture}.{key}", value)
    for layer, vector in directions.items():
        writer.add_tensor(f"direction.{layer}", vector)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path.read_bytes()


def svec(**more: object) -> bytes:
    directions = {"1": [V[1].tolist()], "3": V[3].tolist()}
    return json.dumps({"model_type": "llama", "directions": directions, **more}).encode()


def steering_lite(method: str = "mean_diff", **more: object) -> bytes:
    cfg = json.dumps({"method": method, "target": "residual", "coeff": 2.5, **more})
    return safetensors({"layer1.v": V[1], "layer3.v": V[3]}, cfg=cfg)


def lm_eval(action: str = "add", coefficient: float = 3.0, **more: object) -> bytes:
    part = {
        "steering_vector": torch.from_numpy(V[2])[None],
        "steering_coefficient": coefficient,
        "action": action,
        "bias": None,
        "head_index": None,
        **more,
    }
    return pt({"layers.2": part})


def neuronpedia(
    hook: str = "blocks.2.hook_resid_post", strength: object = 10, **more: object
) -> bytes:
    content = {"index": "7", "vector": V[2].tolist(), "hookName": hook}
    return json.dumps({**content, "defaultSteerStrength": strength, **more}).encode()


def sae_folder(
    folder: Path, hook: str = "blocks.2.hook_resid_post", decoder: np.ndarray | None = None
) -> Path:
    folder.mkdir()
    decoder = np.stack([V[0], V[1], V[3]]) if decoder is None else decoder
    weights = {"W_dec": decoder, "W_enc": decoder.T.copy() * 7, "b_dec": decoder[0]}
    (folder / "sae_weights.safetensors").write_bytes(safetensors(weights))
    settings = {"d_in": decoder.shape[1], "metadata": {"hook_name": hook}}
    (folder / "cfg.json").write_text(json.dumps(settings))
    return folder


def jacobian_lens(maps: Mapping[int, np.ndarray]) -> bytes:
    J = {layer: torch.from_numpy(J).half() for layer, J in maps.items()}
    return pt(
        {"J": J, "n_prompts": 7, "source_layers": [*J], "d_model": len(next(iter(J.values())))}
    )
