"""The app, rerun without a browser: pages opened, buttons pressed, figures read as they are sent."""

import json
import time
from base64 import b64decode

import numpy as np
import streamlit as st
from streamlit.testing.v1 import AppTest
from support.paths import ROOT

# as a server does when it starts
import stability.ui.pages.explore.scenes  # noqa: F401
from stability.reproduction import settings
from stability.ui.glossary import GLOSSARY

DEPTH, CALIBRATION, DOSE = "pages/1_Depth.py", "pages/2_Calibration.py", "pages/3_Dose.py"
DICTIONARY = "pages/4_Dictionary.py"


def opened(page=None, timeout=120, **session):
    """A page of the app, or Explore, opened with session values set before."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=timeout)
    if page is not None:
        app.switch_page(page)
    for key, value in session.items():
        app.session_state[key] = value
    return app.run()


def sent(page, sheet="instrument"):
    """What the component of the instrument, or of another sheet, is sent."""
    [part] = [c.proto for c in page.get("bidi_component") if c.proto.id.endswith(f"-{sheet}")]
    return json.loads(part.bytes)


def explored(page, patience=120.0, sheet="instrument"):
    """The scene of Explore once nothing more is to come; the page is run again as a browser does."""
    end = time.monotonic() + patience
    while (frame := sent(page, sheet))["again"] is not None:
        assert time.monotonic() < end
        time.sleep(0.05)
        page.run()
    assert not page.exception
    return frame["scene"]


def prompt_with(page, text, key="prompt"):
    """Submit a prompt."""
    page.session_state[key] = text
    page.session_state["position"] = -1
    return page.run()


def press(page, label):
    [button] = [button for button in page.button if button.label.startswith(label)]
    button.click().run()
    assert not page.exception


def labels(page):
    """The buttons of the page itself, not of its side bar."""
    return [button.label for button in page.main.button]


def array(part):
    """An array as Plotly sends it."""
    return np.frombuffer(b64decode(part["bdata"]), part["dtype"]).reshape(
        [int(n) for n in part["shape"].split(",")] if "shape" in part else -1
    )


def pictures(page):
    """The figures on the page by their keys, as they are sent."""
    return {
        chart.proto.id.rpartition("-")[2]: json.loads(chart.proto.spec or chart.proto.figure.spec)
        for chart in page.get("plotly_chart")
    }


def plain_text(element):
    """The text of an element without the escapes of Markdown."""
    return element.value.replace("\\", "").replace("\u2060", "")


def open_section(page, section):
    """Choose a section of the Depth page."""
    page.segmented_control(key="section").set_value(section).run()
    assert not page.exception


def in_bold(page):
    """The texts that begin in bold, but for the words that are explained at the end of a page."""
    return [m.value for m in page.markdown if m.value.startswith("**") and m.value != GLOSSARY]


def headline(page):
    """The one sentence in bold."""
    [text] = in_bold(page)
    return text


def use_results(folder, monkeypatch):
    """Let the app read shipped results from another folder."""
    shipped, has_results = settings.shipped, settings.has_results
    monkeypatch.setattr(settings, "shipped", lambda model, *_: shipped(model, folder))
    monkeypatch.setattr(settings, "has_results", lambda model, *_: has_results(model, folder))
    st.cache_resource.clear()
