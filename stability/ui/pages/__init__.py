"""The pages: each puts controls, cached results and figures together, and computes nothing."""
