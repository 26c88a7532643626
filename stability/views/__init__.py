"""What is drawn of a result: the only place that decides how much of it is seen."""
