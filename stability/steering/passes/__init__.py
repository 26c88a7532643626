"""A text whose states are changed by a vector: its predictions at any coefficient, and their slope."""
