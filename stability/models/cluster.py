"""Work on a Dask cluster: every worker process loads the model once and answers prompt by prompt."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

from stability.errors import StabilityError
from stability.models.language_model import LanguageModel
from stability.models.loading import load

Item = TypeVar("Item")
Result = TypeVar("Result")
IN_FLIGHT = 4  # items a worker that are handed out ahead


@lru_cache(1)
def _loaded(name: str) -> LanguageModel:
    return load(name)


def _apply(function: Callable[[LanguageModel, Item], Result], name: str, item: Item) -> Result:
    return function(_loaded(name), item)


def mapped(
    address: str,
    name: str,
    function: Callable[[LanguageModel, Item], Result],
    items: Sequence[Item],
    fatal: Callable[[Item, str], Result],
) -> Iterator[Result]:
    """The function of the model and each item, computed on a cluster, as each is done.

    The items of a worker that dies are given to others; what kills one after another becomes `fatal`
    of the item and the reason. Raises StabilityError where the package is missing, or no scheduler
    answers at the address.
    """
    try:
        from dask.distributed import Client, KilledWorker, as_completed
    except ModuleNotFoundError as error:
        raise StabilityError(
            f"A cluster needs Dask, and {error.name or 'distributed'!r} is not installed: run "
            "`pip install '.[cluster]'`."
        ) from error
    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise StabilityError(
            f"No Dask scheduler answers at {address!r} ({error or type(error).__name__}): start one "
            "with `dask scheduler`, and workers with `dask worker ADDRESS --nthreads 1`."
        ) from error
    with client:
        waiting = iter(items)

        submitted: dict[Any, Item] = {}

        def submit(count: int) -> list[Any]:
            new = {
                client.submit(_apply, function, name, item, pure=False): item
                for item in islice(waiting, count)
            }
            submitted.update(new)
            return [*new]

        def missing() -> int:
            """How many more the workers there are now can take."""
            return max(IN_FLIGHT * max(len(client.nthreads()), 1) - len(submitted), 0)

        done = as_completed(submit(missing()))
        for future in done:
            item = submitted.pop(future)
            try:
                yield future.result()
            except KilledWorker as error:
                yield fatal(item, f"the workers that tried it died: {error}")
            done.update(submit(missing()))
