"""The truth where the logits are linear in the state: exact, and certified without looking for it."""
