"""Texts of tokens that a page could take for something else, and the page that shows them."""

import json

import numpy as np
import streamlit as st

from stability.figures.depth_map import depth_map_figure
from stability.instrument import first, parts
from stability.prediction.provenance import Token
from stability.ui import wording
from stability.ui.widgets import instrument
from stability.ui.widgets.figure import draw_figure

HOSTILE = [
    *(
        "<b>x</b>",
        "</script>",
        "<br>",
        "<!-- x -->",
        "<a href='javascript:1'>x</a>",
        "&lt;",
        "&#60;",
    ),
    *(
        "$x$",
        "$$y$$",
        "%{x}",
        "{x}",
        "H~2~O",
        "~~x~~",
        "*a*",
        "a_b_c",
        "[a](b)",
        "![x](y)",
        "| a |",
    ),
    *("`", "``", "` `", "\\", "\\n", "# a", "1.", "- x", "> x", "***", "a\n\nb", "x\n==="),
    *(":red[x]", ":smile:", ":material/home:", "->", "<-", "<->", "--", "<=", ">=", "x -> y"),
    *(
        "\n",
        "\t",
        "\r",
        "\0",
        "\x1b[31m",
        "\x85",
        "\u2028",
        " ",
        " " * 128,
        "\xa0",
        "\xad",
        "\ufeff",
    ),
    *("\u202eabc", "\u2066x", "\u2068x\u2069", "سلام", "שלום", "٣", "\u0301", "\ufe0f", "\u200d"),
    *("\u3164", "猫", "👩", "x" * 200, "␣", "⏎", "<unused12>", "⟨E7⟩", "", "(c)", "'", '"'),
]

if __name__ == "__main__":
    tokens = [
        Token(i, i, text, "user" if i % 9 else None, not i % 5) for i, text in enumerate(HOSTILE)
    ]
    scene = {**first.first(), "tokens": parts.tokens(tokens)}

    def answer(event, is_again):
        """Nothing is asked for."""

    instrument.load_scripts(answer)
    instrument.mount(instrument.Sent(1, json.dumps(scene)), {}, False, answer, 0)
    draw_figure(depth_map_figure(np.ones((len(HOSTILE), 1)), HOSTILE, "unit", 0), "map", "")
    for token in tokens:
        with st.container(key=f"code{token.id}"):
            st.markdown(f"**After {wording.code(token.text)}, on.**")
        with st.container(key=f"plain{token.id}"):
            st.error(wording.plain(f"received '{token.text}': choose"))
# as its server imports it, which has the scripts of the instrument
elif __name__ == "hostile_texts":
    from stability.ui.first_picture import MIDDLEWARE

    app = st.App(__file__, middleware=MIDDLEWARE)
