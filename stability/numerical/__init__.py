"""The truth where the logits are not linear in the state: the network is run, point by point."""
