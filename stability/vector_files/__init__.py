"""The files in which people keep steering vectors: a reader for each format, and three writers."""
