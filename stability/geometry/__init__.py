"""Rays, regions, clouds and depths of a state: the results that users hold."""
