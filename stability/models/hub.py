"""The model hub: whether it can be reached, and the commit of a model in its cache."""

from concurrent.futures import Future, wait
from pathlib import Path
from threading import Thread

from huggingface_hub import constants, get_session, try_to_load_from_cache


def hub_answers() -> bool:
    """Return whether the hub gives any answer within its client's own timeout.

    That is `HF_HUB_ETAG_TIMEOUT`; without a network the client would try six times, in 45 seconds,
    and report nothing.
    """
    timeout = constants.HF_HUB_ETAG_TIMEOUT
    answer: Future[bool] = Future()

    def ask() -> None:
        try:
            get_session().head(constants.ENDPOINT, timeout=timeout)
            answer.set_result(True)
        # the client may be built on one HTTP library or another
        except Exception:
            answer.set_result(False)

    # in a thread: resolving the name has no timeout, and each address of several has its own
    Thread(target=ask, daemon=True).start()
    return bool(wait([answer], timeout).done) and answer.result()


def hub_commit(name: str) -> str:
    """Return the commit of a model in the hub's cache, and `unknown` if the cache has none."""
    config = try_to_load_from_cache(name, "config.json")
    return Path(config).parent.name if isinstance(config, str) else "unknown"
