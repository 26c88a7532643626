"""The parts that pages are made of: controls, the token strip, numbers, figures."""
