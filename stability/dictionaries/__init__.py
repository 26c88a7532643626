"""Many directions at once: the rows of a dictionary, each with its curvature, radius and bracket."""
