"""Files that never change are answered from memory."""

import gzip

import pytest
from support.asgi import answering, asked

from stability.instrument import bundle
from stability.ui import scripts
from stability.ui.files import FilesInMemory

FIXED = "public, immutable, max-age=31536000"
PATH = "/static/js/a.js"


@pytest.mark.parametrize("base", ["/", "/base/"])
def test_the_scripts_of_a_sheet_are_a_file_whose_name_tells_its_text(base):
    app = FilesInMemory(answering(b"another's"))
    for sheet, entries in scripts.ENTRIES.items():
        status, headers, body = asked(app, base + scripts.address(sheet))
        assert (status, body.decode()) == (200, bundle.module(*entries))
        assert headers[b"content-type"].startswith(b"text/javascript")
        assert b"immutable" in headers[b"cache-control"]
        packed = asked(app, base + scripts.address(sheet), accept_encoding="gzip")[2]
        assert gzip.decompress(packed) == body
    assert asked(app, base + "instrument.0000000000000000.js")[2] == b"another's"


def test_a_file_that_never_changes_is_asked_for_once():
    app = answering(b"one ", b"file", cache_control=FIXED)
    files = FilesInMemory(app)
    answers = [asked(files, PATH) for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][2] == b"one file"
    assert len(app.scopes) == 1


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        (PATH, {"cache_control": "no-cache"}),
        (PATH, {"cache_control": FIXED, "status": 404}),
        (PATH, {"cache_control": FIXED, "content_encoding": "gzip"}),
        (PATH, {}),
        ("/media/a.png", {"cache_control": FIXED}),
    ],
)
def test_whatever_may_change_is_asked_for_each_time(path, answer):
    app = answering(b"once", **answer)
    files = FilesInMemory(app)
    assert asked(files, path) == asked(files, path)
    assert len(app.scopes) == 2


def test_half_an_answer_whose_asker_has_gone_is_not_kept():
    whole = answering(b"one ", b"file", cache_control=FIXED)
    half = answering(b"one ", is_whole=False, cache_control=FIXED)
    apps = iter([half, whole])

    async def app(*request):
        await next(apps)(*request)

    files = FilesInMemory(app)
    with pytest.raises(ValueError, match="not enough values"):  # nothing is sent
        asked(files, PATH)
    assert asked(files, PATH)[2] == b"one file"


def test_a_part_of_a_file_is_left_to_the_app():
    app = answering(b"on", status=206, cache_control=FIXED)
    files = FilesInMemory(app)
    asked(files, PATH, range="bytes=0-1")
    assert app.scopes[0]["headers"] == [(b"range", b"bytes=0-1")]
