"""Dictionary: all rows of a sparse autoencoder's decoder, or of a matrix, as directions at once."""

from stability.ui.pages import entry
from stability.ui.pages.dictionary import page

entry.show(page.PAGE, "Thousands of directions at once", page.draw)
