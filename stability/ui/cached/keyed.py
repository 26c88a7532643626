"""The cache of results that are made from objects: keyed by ids and settings, never by arrays."""

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, Concatenate, ParamSpec, TypeVar

import streamlit as st

Key = ParamSpec("Key")
Parts = TypeVar("Parts")
Result = TypeVar("Result")


_KEPT: list[Any] = []


def forget_results() -> None:
    """Forget all that is kept here, and no other cache of Streamlit's.

    Streamlit keeps no keys to tell of which model a result is. One is made again in a second;
    measurements, which take minutes, are kept elsewhere.
    """
    for kept in _KEPT:
        kept.clear()


def cached(
    max_entries: int, parts: Callable[..., Parts]
) -> Callable[[Callable[Concatenate[Parts, Key], Result]], Callable[Key, Result]]:
    """Keep the last `max_entries` results of a function, by all its arguments but the first.

    The first argument holds the objects that a result is made from; `parts` finds them from the
    arguments of the key, at every call and before the cache is asked. Streamlit holds a lock while a
    cached function runs, and draws nothing in a page meanwhile; to find a model may have to draw the
    progress of its loading. The first argument's name begins with an underscore, which keeps it out of
    Streamlit's key.
    """

    def decorate(
        compute: Callable[Concatenate[Parts, Key], Result],
    ) -> Callable[Key, Result]:
        kept = st.cache_resource(max_entries=max_entries, show_spinner=False)(compute)
        _KEPT.append(kept)
        parameters = signature(compute)

        @wraps(compute)
        def from_parts(*args: Key.args, **kwargs: Key.kwargs) -> Result:
            # defaults filled in, so that a call that names them has the same key
            bound = parameters.bind(parts(*args, **kwargs), *args, **kwargs)
            bound.apply_defaults()
            return kept(*bound.args, **bound.kwargs)

        return from_parts

    return decorate
