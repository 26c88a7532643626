"""The document of the default choice, which draws the first picture before Streamlit starts."""

import gzip
import json
from pathlib import Path

import pytest
import streamlit
from support.asgi import answering, asked

from stability.instrument import first
from stability.ui import first_picture, scripts, streamlit_scripts
from stability.ui.first_picture import START, FirstPicture

INDEX = Path(streamlit.__file__).with_name("static").joinpath("index.html").read_bytes()


def opened(path="/", query="", document=INDEX, **headers):
    """What is sent for an address, as text, in the place of Streamlit's document."""
    answer = answering(
        document[:100], document[100:], etag='"1"', content_length=str(len(document))
    )
    return asked(FirstPicture(answer), path, query, **headers)


def between(text, start, end):
    return text.partition(start)[2].partition(end)[0]


def test_the_document_brings_the_shipped_scene_and_starts_streamlit_itself():
    status, headers, body = opened()
    text = body.decode()
    assert status == 200
    assert int(headers[b"content-length"]) == len(body)
    assert json.loads(between(text, 'id="first-scene">', "</script>")) == first.first()
    start = START.search(INDEX.decode())
    assert start[0] not in text
    assert f'data-streamlit="{start[1]}"' in text
    assert f'data-scripts="./{scripts.address("instrument")}"' in text


def test_it_names_the_parts_of_streamlit_that_the_page_will_ask_for():
    later = between(opened()[2].decode(), 'data-parts="', '"').split()
    named = [Path(part).name.split(".")[0] for part in later]
    assert {*streamlit_scripts.ELEMENTS} <= {*named}
    # what these import
    assert "serialization" in named
    static = Path(streamlit.__file__).with_name("static")
    assert all((static / part).is_file() for part in later)
    assert all(part not in INDEX.decode() for part in later)


def test_what_a_view_alone_asks_for_is_drawn_at_once_too():
    assert b"first-scene" in opened(query="epsilon=0.1&utm_source=x")[2]


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/Depth", ""),
        ("/", "prompt=Roses"),
        ("/", "prompt_z=eJw"),
        ("/", "model="),
        ("/", "site=final&epsilon=0.1"),
        ("/", "direction=eig%3A1"),
        ("/", "embed=true"),
    ],
)
def test_another_choice_or_another_page_has_no_first_picture(path, query):
    status, headers, body = opened(path, query)
    assert (status, body) == (200, INDEX)
    assert headers[b"etag"] == b'"1"'


@pytest.mark.parametrize(
    "document", [b"<html><body></body></html>", INDEX.replace(b"</body>", b""), b"\xff\xfe"]
)
def test_a_document_that_is_not_the_one_we_know_is_sent_as_it_is(document):
    assert opened(document=document * 40)[2] == document * 40


def test_a_browser_that_has_an_older_document_is_sent_the_whole_of_this_one():
    app = answering(INDEX, etag='"1"', last_modified="yesterday")
    _, headers, _ = asked(FirstPicture(app), if_none_match='"1"', range="bytes=0-9", cookie="a=b")
    assert app.scopes[0]["headers"] == [(b"cookie", b"a=b")]
    assert {b"etag", b"last-modified"}.isdisjoint(headers)


def test_the_document_is_compressed_for_who_takes_that():
    _, headers, body = opened(accept_encoding="gzip, br")
    assert headers[b"content-encoding"] == b"gzip"
    assert gzip.decompress(body) == opened()[2]


def test_no_text_of_the_scene_ends_its_place_in_the_document(monkeypatch):
    scene = {"text": "</script><script>alert(1)"}
    monkeypatch.setattr(first, "first", lambda: scene)
    written = first_picture._scene.__wrapped__()
    assert "<" not in written
    assert json.loads(written) == scene


def test_what_is_sent_or_asked_in_part_is_left_to_the_app():
    app = answering(INDEX)
    assert asked(FirstPicture(app), method="HEAD")[2] == INDEX


def test_half_an_answer_whose_asker_has_gone_is_not_sent():
    half = answering(INDEX[:100], is_whole=False)
    with pytest.raises(ValueError, match="not enough values"):  # nothing is sent
        asked(FirstPicture(half))
