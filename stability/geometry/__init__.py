"""What a user holds: rays, regions, clouds and depths of a state, and an analysis of them all."""
