"""The Calibration page: shipped results or a visitor's prompts, their scores, and the claims."""
