"""Steering: a vector added to, or projected out of, the states of a text, and its dose."""
