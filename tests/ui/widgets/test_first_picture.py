"""The shipped first picture is what the library draws today."""

import re
import shutil

import pytest

import stability
from stability.geometry.analysis import analyze
from stability.ui.widgets import first_picture
from stability.ui.wording import verdict
from stability.views.ray import ray_view

pytestmark = pytest.mark.usefixtures("smollm2_folder")


def texts(svg: str) -> list[str]:
    return sorted(re.findall(r"<text[^>]*>(.*?)</text>", svg))


def test_it_says_what_the_library_finds():
    analysis = analyze(stability.load(first_picture.CHOICE.model), first_picture.CHOICE.prompt)
    view = ray_view(analysis.ray, analysis.direction.label, first_picture.CHOICE.epsilon)
    assert (
        f"<desc>{verdict(view, analysis.state.here.text)}</desc>"
        in first_picture.PICTURE.read_text("utf-8")
    )


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on this machine")
def test_it_shows_what_the_figure_shows():
    shipped = texts(first_picture.PICTURE.read_text("utf-8"))
    assert len(shipped) > 20
    assert texts(first_picture.make()) == shipped


def test_its_text_takes_the_colour_of_the_page():
    svg = first_picture.PICTURE.read_text("utf-8")
    colours = set(re.findall(r"<text[^>]*fill: ([^;]*);", svg))
    assert first_picture.INK not in svg
    assert "currentColor" in colours
