"""What a model says at a vector, and what it says after a push."""
