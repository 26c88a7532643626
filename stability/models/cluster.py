"""Work on a Dask cluster: every worker process loads the model once, and takes item by item."""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from functools import lru_cache, partial
from itertools import islice
from typing import Any, TypeVar

from stability.errors import StabilityError
from stability.models.language_model import LanguageModel
from stability.models.loading import load

Item = TypeVar("Item")
Result = TypeVar("Result")
# items handed out ahead to each worker
IN_FLIGHT = 4
# seconds to wait for a first worker
PATIENCE = 30.0
WORKER = "`dask worker ADDRESS --nthreads 1`"


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
) -> Iterator[tuple[Item, Result | str]]:
    """Apply a function to the named model and each item on a cluster; yield each item when it is done.

    The items of a worker that dies are given to others. An item that kills one worker after another
    comes with the reason, a text, in place of a result. Raises StabilityError where the package is
    missing, where no scheduler answers at the address or it falls silent, and where there is no worker
    for `PATIENCE`.
    """
    if not items:
        return
    try:
        from dask.distributed import Client
    except ModuleNotFoundError as error:
        raise StabilityError(
            f"A cluster needs Dask, and {error.name or 'distributed'!r} is not installed: run "
            "`pip install '.[cluster]'`."
        ) from error
    # the sentences below say all that matters
    for logger in ("distributed", "distributed.client"):
        logging.getLogger(logger).setLevel(logging.CRITICAL)
    try:
        client = Client(address, timeout="10s")
    except (OSError, ValueError) as error:
        raise StabilityError(
            f"No Dask scheduler answers at {address!r} ({error or type(error).__name__}): start one "
            f"with `dask scheduler`, and workers with {WORKER}."
        ) from error
    with client:
        try:
            yield from _results(client, partial(_apply, function, name), items)
        except (CancelledError, OSError) as error:
            raise StabilityError(
                f"The Dask scheduler at {address!r} has gone away ({type(error).__name__}): start it "
                "again; what is done is kept, and the same command goes on from there."
            ) from error


def _results(
    client: Any, task: Callable[[Item], Result], items: Sequence[Item]
) -> Iterator[tuple[Item, Result | str]]:
    """Submit items, no more at once than `IN_FLIGHT` a worker, and yield each when it is done."""
    from dask.distributed import KilledWorker, wait

    waiting = iter(items)
    submitted: dict[Any, Item] = {}
    while True:
        free = IN_FLIGHT * max(len(client.nthreads()), 1) - len(submitted)
        for item in islice(waiting, max(free, 0)):
            submitted[client.submit(task, item, pure=False)] = item
        if not submitted:
            return
        try:
            done = wait([*submitted], timeout=PATIENCE, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            if client.nthreads():
                continue
            raise StabilityError(
                f"A cluster needs workers; the one at {client.scheduler.address!r} has had none for "
                f"{PATIENCE:.0f} s: start some with {WORKER}, and run the same command again."
            ) from None
        for future in done:
            item = submitted.pop(future)
            try:
                result = future.result()
            except KilledWorker as error:
                result = f"the workers that tried it died: {error}"
            yield item, result
