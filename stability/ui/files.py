"""Files that never change, answered from memory: the scripts of the sheets, and Streamlit's own.

A page of Streamlit is some hundred files. Each of them read anew from the disk, by threads, takes more
of a small machine than all that the page computes.
"""

from functools import cache

from stability.ui import scripts
from stability.ui.http import Answer, App, Message, Receive, Send, compressed, is_get, whole

NEVER_CHANGES = b"immutable"
STATIC = "/static/"
# bytes of all that is kept
MOST = 32_000_000
KEPT = b"public, immutable, max-age=31536000"


class FilesInMemory:
    """Middleware that answers for files whose names tell their content."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._kept: dict[str, Answer] = {}
        self._size = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request, or have the app answer it."""
        if not is_get(scope):
            return await self._app(scope, receive, send)
        path: str = scope["path"]
        if own := _own(path.rpartition("/")[2]):
            return await compressed(own, scope).send(send)
        if STATIC not in path or b"range" in dict(scope["headers"]):
            return await self._app(scope, receive, send)
        if answer := self._kept.get(path) or await whole(self._app, scope, receive):
            self._keep(path, answer)
            await answer.send(send)

    def _keep(self, path: str, answer: Answer) -> None:
        headers = dict(answer.headers)
        never_changes = NEVER_CHANGES in headers.get(b"cache-control", b"")
        is_fixed = answer.status == 200 and never_changes and b"content-encoding" not in headers
        if is_fixed and path not in self._kept and self._size + len(answer.body) <= MOST:
            self._kept[path] = answer
            self._size += len(answer.body)


@cache
def _own(name: str) -> Answer | None:
    """The scripts of a sheet, by the name of their file."""
    text = scripts.served().get(name)
    headers = ((b"content-type", b"text/javascript; charset=utf-8"), (b"cache-control", KEPT))
    return Answer(200, headers, text) if text else None
