"""Where a divergence first reaches a budget: the true doses, found by whole passes."""
