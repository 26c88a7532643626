"""What a model writes while it is steered."""
