"""The shipped first picture is what the library draws today."""

import re
import shutil

import pytest

import stability
from stability.geometry.analysis import analyze
from stability.ui import first
from stability.ui.words import verdict
from stability.views.ray import ray_view

pytestmark = pytest.mark.usefixtures("smollm2_folder")


def texts(svg: str) -> list[str]:
    return sorted(re.findall(r"<text[^>]*>(.*?)</text>", svg))


def test_it_says_what_the_library_finds():
    found = analyze(stability.load(first.CHOICE.model), first.CHOICE.prompt)
    view = ray_view(found.ray, found.direction.label, first.CHOICE.epsilon)
    assert f"<desc>{verdict(view, found.state.here.text)}</desc>" in first.PICTURE.read_text(
        "utf-8"
    )


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on this machine")
def test_it_shows_what_the_figure_shows():
    shipped = texts(first.PICTURE.read_text("utf-8"))
    assert len(shipped) > 20
    assert texts(first.make()) == shipped


def test_its_text_takes_the_colour_of_the_page():
    svg = first.PICTURE.read_text("utf-8")
    colours = set(re.findall(r"<text[^>]*fill: ([^;]*);", svg))
    assert first.INK not in svg
    assert "currentColor" in colours
