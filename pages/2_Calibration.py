"""Calibration: predicted against actual radii over many prompts, and the sources' claims."""

from stability.ui.pages import entry
from stability.ui.pages.calibration import page

entry.show(page.PAGE, "Does the formula hold?", page.draw)
