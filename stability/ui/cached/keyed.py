"""The cache of results that are made from objects: keyed by ids and settings, never by arrays."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial, wraps
from inspect import signature
from typing import Any, Concatenate, ParamSpec, TypeVar

Key = ParamSpec("Key")
Parts = TypeVar("Parts")
Result = TypeVar("Result")

_is_ahead: ContextVar[bool] = ContextVar("_is_ahead", default=False)


@contextmanager
def looking_ahead() -> Iterator[None]:
    """Keep results that nobody has asked for yet in a place of their own, until somebody does.

    They push out none that were asked for, of whatever session.
    """
    before = _is_ahead.set(True)
    try:
        yield
    finally:
        _is_ahead.reset(before)


class _Once:
    """A result that is made by the first who asks for it, while the others wait."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: tuple[Any] | None = None

    def get(self, make: Callable[[], Any]) -> Any:
        with self._lock:
            if self._made is None:
                self._made = (make(),)
            return self._made[0]


class _Kept:
    """The last results that were asked for, by key, and as many that were found ahead."""

    def __init__(self, max_entries: int) -> None:
        self._max_entries = max_entries
        self._lock = threading.Lock()
        self._asked: OrderedDict[Hashable, _Once] = OrderedDict()
        self._ahead: OrderedDict[Hashable, _Once] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        return self._find(key).get(make)

    def clear(self) -> None:
        with self._lock:
            self._asked.clear()
            self._ahead.clear()

    def _find(self, key: Hashable) -> _Once:
        with self._lock:
            found = self._asked.get(key) or self._ahead.pop(key, None) or _Once()
            place = self._ahead if _is_ahead.get() and key not in self._asked else self._asked
            place[key] = found
            place.move_to_end(key)
            if len(place) > self._max_entries:
                place.popitem(last=False)
            return found


_KEPT: list[_Kept] = []


def forget_results() -> None:
    """Forget all that is kept here.

    No key tells of which model a result is. One is made again in a second; measurements, which take
    minutes, are kept elsewhere.
    """
    for kept in _KEPT:
        kept.clear()


def cached(
    max_entries: int, parts: Callable[..., Parts]
) -> Callable[[Callable[Concatenate[Parts, Key], Result]], Callable[Key, Result]]:
    """Keep the last `max_entries` results of a function, by all its arguments but the first.

    The first argument holds the objects that a result is made from; `parts` finds them from the
    arguments of the key, at every call and before the cache is asked: to find a model may have to draw
    the progress of its loading, while others need not wait.
    """

    def decorate(
        compute: Callable[Concatenate[Parts, Key], Result],
    ) -> Callable[Key, Result]:
        kept = _Kept(max_entries)
        _KEPT.append(kept)
        parameters = signature(compute)

        @wraps(compute)
        def from_parts(*args: Key.args, **kwargs: Key.kwargs) -> Result:
            # defaults filled in, so that a call that names them has the same key
            bound = parameters.bind(parts(*args, **kwargs), *args, **kwargs)
            bound.apply_defaults()
            found: Result = kept.get(bound.args[1:], partial(compute, *bound.args, **bound.kwargs))
            return found

        return from_parts

    return decorate
