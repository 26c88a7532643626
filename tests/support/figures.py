"""What stands in a figure, and whether it can be sent to a browser."""

import json
from base64 import b64decode

import numpy as np
import plotly.io
import pytest

from stability.figures.style import LONGEST_TOKEN, TEMPLATE

TRICKY = [
    ("<b>bold</b>", "&lt;b&gt;bold&lt;/b&gt;"),
    (" the", "␣the"),
    ("\n", "⏎"),
    ("\t\t", "⇥⇥"),
    ("\r", "\\r"),
    ("\xa0", "\\xa0"),
    ("\u200b", "\\u200b"),
    ("\x00", "\\x00"),
    ("", "∅"),
    ("&lt;", "&amp;lt;"),
    ("<br>", "&lt;br&gt;"),
    ("né 猫", "né␣猫"),
    ('"it\'s"', '"it\'s"'),  # Plotly has no entity for quotation marks
    (" " * 64, "␣×64"),
    ("שלום", "\u2068שלום\u2069"),
    ("ש" * 64, "\u2068" + "ש" * (LONGEST_TOKEN - 1) + "…\u2069"),
    ("<" * 64, "&lt;" * (LONGEST_TOKEN - 1) + "…"),
]
CELL_EDGES = "most likely token changes"

tricky = pytest.mark.parametrize(("text", "shown"), TRICKY)


def by_name(figure):
    """The traces that have a name, none of which is there twice."""
    named = [trace for trace in figure.data if trace.name]
    traces = {trace.name: trace for trace in named}
    assert len(traces) == len(named)
    return traces


def title(axis):
    return axis.title.text


def notes(figure):
    """Annotations, by their text."""
    return {note.text: note for note in figure.layout.annotations}


def uprights(figure):
    """The straight lines across a figure, as (where, colour, dash)."""
    shapes = [s for s in figure.layout.shapes if s.type == "line" and s.x0 == s.x1]
    return [(s.x0, s.line.color, s.line.dash) for s in shapes]


def levels(figure):
    """The lines along a figure, as (height, colour, dash)."""
    shapes = [s for s in figure.layout.shapes if s.type == "line" and s.y0 == s.y1]
    return [(s.y0, s.line.color, s.line.dash) for s in shapes]


def check_whole(figure, gaps=False):
    """Assert the common style, and numbers that a browser can draw.

    None is infinite, of which Plotly would draw no axis; with `gaps`, those of the traces may be NaN.
    """

    def check_array(part):
        if "bdata" in part:
            values = np.frombuffer(b64decode(part["bdata"]), part["dtype"])
            assert not np.isinf(values).any()
            assert gaps or not np.isnan(values).any()
        return part

    assert figure.layout.template == TEMPLATE
    assert figure.data
    text = figure.to_json()
    sent = json.loads(text, object_hook=check_array)
    assert json.loads(plotly.io.from_json(text).to_json()) == sent
    # numbers in lists that are not finite become null; between the edges of cells it is meant
    drawn = [t for t in sent["data"] if not is_entry(t) and t.get("name") != CELL_EDGES]
    assert "null" not in json.dumps([sent["layout"], *([] if gaps else drawn)])
    assert "NaN" not in json.dumps(sent["layout"])


def is_entry(trace):
    """Whether a trace stands for an entry of the legend, or for a colour bar, alone."""
    return trace.get("x") == [None]
