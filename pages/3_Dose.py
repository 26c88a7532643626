"""Dose: how strong a steering vector may be before the prediction changes."""

from stability.ui.pages import entry
from stability.ui.pages.dose import page

entry.show(page.PAGE, "How strong may this vector be?", page.draw)
