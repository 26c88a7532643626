"""The vector that is meant: one that is given, or one that is made of contrast pairs."""
