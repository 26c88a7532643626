"""GGUF files, read in full: every key and tensor of a model is understood, or the file is refused."""
