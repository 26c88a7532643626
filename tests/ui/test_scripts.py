"""The scripts of a sheet are a file that a browser keeps."""

import gzip

import pytest
from support.asgi import answering, asked

from stability.instrument import bundle
from stability.ui import scripts
from stability.ui.scripts import ServedScripts


@pytest.mark.parametrize("base", ["/", "/base/"])
def test_the_scripts_of_a_sheet_are_a_file_whose_name_tells_its_text(base):
    app = ServedScripts(answering(b"another's"))
    for sheet, entries in scripts.ENTRIES.items():
        status, headers, body = asked(app, base + scripts.address(sheet))
        assert (status, body.decode()) == (200, bundle.module(*entries))
        assert headers[b"content-type"].startswith(b"text/javascript")
        assert b"immutable" in headers[b"cache-control"]
        packed = asked(app, base + scripts.address(sheet), accept_encoding="gzip")[2]
        assert gzip.decompress(packed) == body
    assert asked(app, base + "instrument.0000000000000000.js")[2] == b"another's"
