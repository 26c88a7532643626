"""The scripts of a sheet as a file that browsers keep: its name tells its text from every other."""

import hashlib
from functools import cache

from stability.instrument import bundle
from stability.ui.http import Answer, App, Message, Receive, Send, compressed, is_get

ENTRIES = {
    "instrument": ("instrument", "view", "address"),
    "dose": ("dose_sheet", "dose_view", "address"),
}
HEADERS = (
    (b"content-type", b"text/javascript; charset=utf-8"),
    (b"cache-control", b"public, immutable, max-age=31536000"),
)


class ServedScripts:
    """Middleware that answers for these files, wherever the app lies."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request, or have the app answer it."""
        text = _texts().get(scope["path"].rpartition("/")[2]) if is_get(scope) else None
        if text is None:
            return await self._app(scope, receive, send)
        await compressed(Answer(200, HEADERS, text), scope).send(send)


@cache
def address(sheet: str) -> str:
    """Where a sheet's scripts are, beside each page."""
    digest = hashlib.sha256(bundle.module(*ENTRIES[sheet]).encode()).hexdigest()
    return f"{sheet}.{digest[:16]}.js"


@cache
def _texts() -> dict[str, bytes]:
    """All of these files by their names."""
    return {address(sheet): bundle.module(*entries).encode() for sheet, entries in ENTRIES.items()}
