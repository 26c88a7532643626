"""What a mounted instrument draws, read back from its figures in the units of their axes."""

import re
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from stability.text import digits

# of a coordinate in a path, which is written to a tenth of a pixel
HALF_TENTH = 0.051

TICKS = """(figure) => [...figure.querySelectorAll(".ticks text")].map((text) =>
    [text.textContent, Number(text.getAttribute("x")), Number(text.getAttribute("y")),
     text.getAttribute("text-anchor")])"""


def settled(page: Any) -> None:
    """Wait until what has been changed is drawn."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def touch(page: Any, steps: list[list[tuple[float, float]]]) -> None:
    """Put fingers down, move them and lift them: of each step, where they are; more may come."""
    session = page.context.new_cdp_session(page)
    last = 0
    for places in steps:
        fingers = [{"x": x, "y": y, "id": i} for i, (x, y) in enumerate(places)]
        kind = "touchStart" if len(places) > last else "touchMove"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
        last = len(places)
        settled(page)
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def figure(page: Any, name: str) -> Any:
    """A figure of an instrument."""
    return page.locator(f'[data-testid="figure-{name}"]')


def number(text: str) -> float:
    """The number that a text begins with."""
    return float(text.replace("−", "-").replace("+", "").split()[0])


class DrawnAxes:
    """The axes of a figure, from the first and the last of their ticks."""

    def __init__(self, drawn: Any) -> None:
        ticks = drawn.evaluate(TICKS)
        self.x = affine([(at, number(text)) for text, at, _, anchor in ticks if anchor == "middle"])
        self.y = affine([(at, number(text)) for text, _, at, anchor in ticks if anchor == "end"])


class affine:
    """The value at a pixel, and the values in a pixel."""

    def __init__(self, ticks: list[tuple[float, float]]) -> None:
        (start, first), (stop, last) = ticks[0], ticks[-1]
        self.rate = (last - first) / (stop - start)
        self.origin = first - self.rate * start

    def __call__(self, pixel: Any) -> Any:
        return self.origin + self.rate * np.asarray(pixel)


def points(path: str) -> Float[ndarray, "n 2"]:
    """The points of a path of straight pieces, in pixels."""
    return np.array(re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path), dtype=float)


def written(value: float) -> str:
    """A number as the scripts write it."""
    return digits(value).replace("-", "−")
