"""A vector examined before it is used: that it is applied as it should be, and its card."""
