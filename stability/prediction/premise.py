"""What must hold of a state for what is exact, and for what is certified."""

from stability.errors import StabilityError
from stability.prediction.state import State


def require_at_readout(*states: State) -> None:
    """Raise unless uncapped logits are linear in each state, the premise of exact argmax changes."""
    for state in states:
        if not state.is_at_readout:
            raise StabilityError(
                "Logits must be linear in the state, but for soft-capping, for this; received a state "
                f"of {state.model.name} at {state.site!r}: capture it at 'prelogit'."
            )


def require_linear(state: State) -> None:
    """Raise unless the logits are linear in a state, the premise of what is certified."""
    require_at_readout(state)
    if not state.is_linear:
        raise StabilityError(
            f"Logits must be linear in the state for this; received a state of {state.model.name} at "
            f"{state.site!r}, whose logits are soft-capped at {state.readout.softcap:g}: use a model "
            "without soft-capping."
        )
