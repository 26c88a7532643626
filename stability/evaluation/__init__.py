"""Scores and calibrations of predicted radii over many prompts."""
