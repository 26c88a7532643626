"""The model hub: whether it can be reached, and which commit of a model its cache holds."""

from concurrent.futures import Future, wait
from pathlib import Path
from threading import Thread

from huggingface_hub import constants, get_session, try_to_load_from_cache


def hub_answers() -> bool:
    """Whether the hub gives any answer within its client's own patience, `HF_HUB_ETAG_TIMEOUT`.

    Without a network the client itself would try six times, silently, for 45 seconds.
    """
    patience = constants.HF_HUB_ETAG_TIMEOUT
    answer: Future[bool] = Future()

    def ask() -> None:
        try:
            get_session().head(constants.ENDPOINT, timeout=patience)
            answer.set_result(True)
        except Exception:  # the client may stand on one HTTP library or another
            answer.set_result(False)

    # in a thread: the look-up of the name has no timeout, and each address of several has its own
    Thread(target=ask, daemon=True).start()
    return bool(wait([answer], patience).done) and answer.result()


def hub_commit(name: str) -> str:
    """The commit of a model that the hub's cache holds, and `unknown` if it holds none."""
    config = try_to_load_from_cache(name, "config.json")
    return Path(config).parent.name if isinstance(config, str) else "unknown"
