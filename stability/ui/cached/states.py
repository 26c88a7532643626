"""The states of prompts, with all that does not depend on a direction.

A prompt's states are kept as bare vectors; derived values, which a state caches in itself, go when its
position is forgotten.
"""

from dataclasses import dataclass, replace

from stability.curvature.spectrum import Spectrum, spectrum
from stability.geometry.sensitivity import Sensitivity, sensitivity
from stability.models import LanguageModel
from stability.prediction.conversation import PromptLike
from stability.prediction.state import State
from stability.ui.cached.job import make_way, turn
from stability.ui.cached.keyed import cached
from stability.ui.cached.models import loaded

# that are kept, and as many that are looked at ahead; each holds some ten numbers for every token of a
# vocabulary
POSITIONS = 32


@dataclass(frozen=True)
class StateKey:
    """The model, prompt, position and site that a state is captured from."""

    model: str
    prompt: PromptLike
    position: int
    site: str = "prelogit"


@cached(POSITIONS, parts=lambda model, prompt, site="prelogit": loaded(model))
def states(
    _lm: LanguageModel, model: str, prompt: PromptLike, site: str = "prelogit"
) -> tuple[State, ...]:
    """All positions of a prompt at a site, from one forward pass."""
    with turn():
        found = _lm.capture_all(prompt, site)
    return tuple(replace(state, pause=make_way) for state in found)


@cached(POSITIONS, parts=lambda key: states(key.model, key.prompt, key.site)[key.position])
def state(_bare: State, key: StateKey) -> State:
    """The state of a key."""
    return replace(_bare)


@cached(POSITIONS, parts=lambda key, k: state(key))
def eigenpairs(_state: State, key: StateKey, k: int) -> Spectrum:
    """The leading `k` eigenpairs of `H` at a state."""
    with turn():
        return spectrum(_state, min(k, _state.width))


@cached(POSITIONS, parts=lambda key, k: (state(key), eigenpairs(key, k)))
def sensed_at(_parts: tuple[State, Spectrum], key: StateKey, k: int) -> Sensitivity:
    """The sensitivity of a state, whatever direction it is looked at along."""
    with turn():
        return sensitivity(*_parts)
