"""A hub with one model, `owner/tiny`, played by a server here in the little that its client needs."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """A hub that holds the model `owner/tiny`, in the little that its client needs."""

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        status, code, body = self._answer()
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", self.path.rpartition("/")[2])
        self.send_header("Content-Length", str(len(body)))
        # as the hub offers nearly all weights, by a transport that cannot be stopped
        self.send_header("X-Xet-Hash", "0" * 64)
        self.send_header("X-Xet-Refresh-Route", f"{self.server.url}/api/xet")
        self.end_headers()
        if self.command == "GET":
            if self.path.endswith(".safetensors") and "range" not in self.headers:
                self.server.flowing.wait()
            self.wfile.write(body)

    do_HEAD = do_GET

    def _answer(self) -> tuple[int, str | None, bytes]:
        path, _, _ = self.path.partition("?")
        if self.server.refusal is not None:
            return *self.server.refusal, b"{}"
        folder: Path = self.server.folder
        if "/tree/" in path:
            files = [
                {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": "0"}
                for file in folder.iterdir()
                if file.is_file()
            ]
            return 200, None, json.dumps(files).encode()
        if path.startswith("/api/models/owner/tiny"):
            siblings = [
                {
                    "rfilename": file.relative_to(folder).as_posix(),
                    "size": file.stat().st_size,
                    "blobId": "0",
                }
                for file in folder.rglob("*")
                if file.is_file()
            ]
            card = {"license": "apache-2.0"}
            info = {"id": "owner/tiny", "sha": COMMIT, "siblings": siblings, "cardData": card}
            return 200, None, json.dumps(info).encode()
        file = folder / path.split("/", 5)[-1]
        if path.startswith("/owner/tiny/resolve/") and file.is_file():
            return 200, None, file.read_bytes()
        return 404, "EntryNotFound", b""

    def log_message(self, *_) -> None:
        pass


@contextmanager
def serving_hub(folder: Path) -> Iterator[ThreadingHTTPServer]:
    """A hub that holds a folder, and keeps the paths it was asked for.

    It gives a `refusal` once it has one, and sends weights while its `flowing` is set.
    """
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        server.asked, server.folder, server.refusal = [], folder, None
        server.flowing = threading.Event()
        server.flowing.set()
        server.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield server
        finally:
            server.flowing.set()
            server.shutdown()
