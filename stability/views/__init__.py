"""Results sampled for drawing: the only place that decides how much of them is seen."""
