"""The library's one exception for people to read."""


class StabilityError(ValueError):
    """An error whose message states the invariant, the value received and the remedy."""
