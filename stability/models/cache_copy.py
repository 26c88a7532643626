"""Copies of what earlier tokens have left: keys and values, and the states of recurrent layers.

A copy can grow by later tokens and leave the original alone.
"""

import copy
from functools import partial
from typing import Any

from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DummyLayer, DynamicLayer, DynamicSlidingWindowLayer

# layers from which those of a shorter text can be cut, or that keep nothing
_CUT = (DynamicLayer, DynamicSlidingWindowLayer, DummyLayer)


def can_be_cut(kept: DynamicCache) -> bool:
    """Return whether what a shorter text leaves is a part of what a cache holds."""
    return all(type(layer) in _CUT for layer in kept.layers)


def keep_all_positions(kept: DynamicCache) -> None:
    """Let sliding windows keep all positions: one in the middle of a text needs its own window."""
    for layer in kept.layers:
        if isinstance(layer, DynamicSlidingWindowLayer):
            layer.activate_past_recording()


def first_tokens(kept: DynamicCache, length: int, rows: int) -> DynamicCache:
    """Copy a cache that can be cut as it was after the first `length` tokens, for a batch of `rows`."""
    return _with_layers(kept, [_first_tokens(layer, length, rows) for layer in kept.layers])


def for_rows(kept: DynamicCache, rows: int) -> DynamicCache:
    """Copy a cache of one row for a batch of `rows`."""
    return _with_layers(kept, [_layer_for_rows(layer, rows) for layer in kept.layers])


def _with_layers(kept: DynamicCache, layers: list[Any]) -> DynamicCache:
    new = copy.copy(kept)
    new.layers = layers
    return new


def _first_tokens(layer: Any, length: int, rows: int) -> Any:
    earlier = copy.copy(layer)
    if layer.keys is not None:
        # they grow by being replaced
        earlier.keys, earlier.values = (
            tensor[:, :, :length].expand(rows, -1, -1, -1) for tensor in (layer.keys, layer.values)
        )
    if isinstance(earlier, DynamicSlidingWindowLayer):
        earlier.cumulative_length = length
    return earlier


def _layer_for_rows(layer: Any, rows: int) -> Any:
    new = copy.copy(layer)
    for name, value in vars(layer).items():
        if isinstance(value, dict):
            setattr(new, name, _states_for_rows(value, rows))
        elif _has_rows(value):
            setattr(new, name, value.expand(rows, *value.shape[1:]))
    return new


def _states_for_rows(states: dict[Any, Any], rows: int) -> dict[Any, Any]:
    new = dict(states)
    for index, state in states.items():
        if _has_rows(state):
            _replace(new, index, state.repeat(rows, *[1] * (state.ndim - 1)))
    return new


def _replace(states: dict[Any, Any], index: Any, state: Tensor) -> None:
    """Set a recurrent state, and let what is copied into it replace it.

    Layers overwrite their states in place by `copy_`, which autograd forbids: a derivative with
    respect to what a step decays needs the state before it.
    """
    vars(state)["copy_"] = partial(_replace, states, index)
    states[index] = state


def _has_rows(value: Any) -> bool:
    return isinstance(value, Tensor) and value.ndim > 1
