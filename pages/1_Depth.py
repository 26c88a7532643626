"""Depth: the stable region at every block, continuations after a push, and ways between prompts."""

from stability.ui.pages import entry
from stability.ui.pages.depth import link, page

entry.show(link.PAGE, "The stable region of every layer", page.draw)
