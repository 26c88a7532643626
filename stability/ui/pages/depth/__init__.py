"""The Depth page: a file for each of its sections."""
