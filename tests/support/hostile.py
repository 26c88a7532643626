"""Every public function with every hostile value: run as a script, without the checks of types.

Prints a line for each call that ends in anything but numbers or one sentence.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from support.states import nonlinear_state, random_direction, random_state

import stability
from stability.curvature import directions
from stability.errors import StabilityError
from stability.geometry.region import region
from stability.prediction.state import State

VALUES: dict[str, Any] = {
    "zero": 0,
    "negative": -1,
    "nan": float("nan"),
    "infinite": float("inf"),
    "minus infinite": -np.inf,
    "the largest": 1e308,
    "huge": 1e300,
    "denormal": 1e-320,
    "float32": np.float32(0.1),
    "int64": np.int64(2),
    "half": np.float16(0.1),
    "text": "0.1",
    "nothing": None,
    "complex": 1 + 2j,
    "list": [0.1, 0.2],
    "empty": [],
    "matrix": np.ones((2, 2)),
    "objects": np.array([object()]),
    "tensor": torch.tensor(0.1),
    "with a gradient": torch.tensor([0.1, 0.2], requires_grad=True),
    "bfloat16": torch.tensor(0.1, dtype=torch.bfloat16),
    "complex array": np.array([1j]),
    "complex tensor": torch.tensor([1j]),
    "true": True,
    "beyond floats": 10**400,
    "beyond text": 10**5000,
    "a fraction": 2.5,
    "dates": np.array(["2020-01-01"], dtype="datetime64[D]"),
    "strided": np.arange(12.0)[::2],
    "one nan": np.array([0, 0, np.nan, 1, 0, 0]),
    "tiny vector": np.full(6, 1e-300),
    "denormal vector": np.full(6, 5e-324),
    "huge vector": np.full(6, 1e300),
}


def calls(state: State) -> dict[str, Callable[[Any], Any]]:
    """What a user may call, as functions of one argument."""
    v, e = random_direction(state), np.eye(6)
    ray, plane = stability.ray(state, v), region(state, e[0], e[1])
    spectrum = stability.spectrum(state, 3)
    sensitivity, other = (
        stability.sensitivity(state, spectrum),
        replace(state, vector=-state.vector),
    )
    between, cloud = stability.interpolation(state, other), stability.cloud
    found: dict[str, Callable[[Any], Any]] = {
        name: getattr(ray, name)
        for name in (
            *("kl", "quadratic", "predicted_radius", "relative_radius", "boundary", "boundaries"),
            *("find", "certificate", "certificates", "moment_brackets", "probabilities", "pushed"),
            *("flips", "trust_range"),
        )
    }
    found |= {
        "tokens of probabilities": lambda x: ray.probabilities(0.1, x),
        "ellipse": plane.ellipse,
        "edge": lambda x: plane.boundary(x, np.zeros(2)),
        "angles": lambda x: plane.boundary(0.1, x),
        "kl in a plane": lambda x: plane.kl(x, x),
        "kl on a grid": lambda x: plane.kl_grid(x, x),
        "argmax in a plane": lambda x: plane.argmax(x, x),
        "cells": plane.cells,
        "left end of cells": lambda x: plane.cells((x, 1, 0, 1)),
        "right end of cells": lambda x: plane.cells((-1, x, -1, 1)),
        "coordinates": plane.coordinates,
        "eigenpairs": lambda x: stability.spectrum(state, x),
        "tolerance": lambda x: stability.spectrum(state, 2, x),
        "cloud's epsilon": lambda x: cloud(state, spectrum, x, n=4),
        "cloud's size": lambda x: cloud(state, spectrum, 0.1, n=x),
        "cloud's eigenpairs": lambda x: cloud(state, spectrum, 0.1, n=4, k=x),
        "cloud's seed": lambda x: cloud(state, spectrum, 0.1, n=4, seed=x),
        "most likely": state.most_likely,
        "random seed": lambda x: directions.random(state, x),
        "token": lambda x: directions.token_difference(state, 0, x),
        "ray": lambda x: stability.ray(state, x),
        "region": lambda x: region(state, x, e[0]),
        "shortest radius": sensitivity.radius,
        "certified ball": sensitivity.certified_ball,
        "W_U": lambda x: stability.bare_state(x, np.ones(3)),
        "vector": lambda x: stability.bare_state(np.eye(3), x),
        "edge by the closed form": between.predicted,
        "true edge": between.actual,
        "steps": lambda x: stability.interpolation(state, other, x),
    }
    if state.above is not None:
        depth = stability.depth(state)
        found["radii of a depth"] = depth.radii
        found["check of a depth"] = lambda x: stability.depth_check(depth, [state], x)
    return found


def numbers(result: Any) -> Iterator[float]:
    """The numbers of a result."""
    if isinstance(result, np.ndarray | torch.Tensor):
        result = np.asarray(result).ravel().tolist()
    if isinstance(result, tuple | list):
        for part in result:
            yield from numbers(part)
    elif isinstance(result, int | float):
        yield result


def faults(state: State) -> Iterator[str]:
    """The calls that end in neither numbers nor one sentence."""
    for name, call in calls(state).items():
        for kind, value in VALUES.items():
            try:
                if any(np.isnan(x) for x in numbers(call(value))):
                    yield f"{name} of {kind}: NaN"
            except StabilityError as error:
                if "\n" in str(error) or len(str(error)) > 400:
                    yield f"{name} of {kind}: {error}"
            except Exception as error:
                yield f"{name} of {kind}: {type(error).__name__}: {error}"


if __name__ == "__main__":
    warnings.simplefilter("error")
    for site, state in {
        "readout": random_state(V=30, d=6),
        "capped": random_state(V=30, d=6, softcap=3.0),
        "below": nonlinear_state(V=30, d=6),
    }.items():
        for fault in faults(state):
            print(f"{site}: {fault}")
