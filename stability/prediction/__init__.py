"""The next-token distribution at a vector, and after a perturbation of it."""
