"""Explore: a prompt, a token, a direction, and the stable region of the next-token prediction."""

from stability.ui.pages import entry
from stability.ui.pages.explore import page

entry.show(page.PAGE, "Stable regions of a language model's prediction", page.draw)
