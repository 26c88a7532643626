"""The plan of a sweep: which positions, sites, directions and `ε` to measure at each prompt.

All random draws follow from the seed and the prompt's index in its file, so that the rows are the same
in whatever order, and on whatever machine, prompts are measured.
"""

from dataclasses import dataclass

import numpy as np

from stability.curvature import directions
from stability.curvature.direction_spec import FORMS, DirectionSpec
from stability.curvature.spectrum import spectrum
from stability.defaults import EPSILONS
from stability.errors import StabilityError
from stability.prediction.distribution import require_nats
from stability.prediction.site_names import canonical_site
from stability.prediction.source import Model
from stability.prediction.state import State
from stability.sweeps.prompts import Prompt

DIRECTIONS = (
    *(f"eig:{rank}" for rank in (0, 1, 3, 10, 30, 100)),
    *(f"{kind}:{number}" for kind in ("random", "covariance", "rival") for number in (1, 2)),
)
# kinds that are resolved anew at each state, numbered from 1
DRAWN = ("random", "covariance", "rival")
SWEEP_FORMS = {
    **{kind: form for kind, form in FORMS.items() if kind != "turn"},
    **{kind: f"{kind}:N" for kind in DRAWN},
}
# seeds are below this, to fit their column
SEEDS = 2**31
# for directions that are the same at every prompt
ANY_PROMPT = "A prompt"


@dataclass(frozen=True)
class Plan:
    """Which sites, directions and `ε` to measure, and at how many positions of each prompt.

    `positions` are drawn from a prompt's tokens without the first, whose prediction all prompts that
    begin alike share. `directions` have the forms of `analyze` but for `turn`, with two differences:
    `random:N` and `covariance:N` are drawn anew at each position, and `rival:N` points from the most
    likely token to the N-th after it.
    """

    sites: tuple[str, ...] = ("prelogit",)
    directions: tuple[str, ...] = DIRECTIONS
    epsilons: tuple[float, ...] = EPSILONS
    positions: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        # as rows name them
        object.__setattr__(self, "sites", tuple(map(canonical_site, self.sites)))
        require_nats(*self.epsilons)
        if self.positions < 1 or self.seed < 0:
            raise StabilityError(
                "A sweep needs at least one position a prompt and a seed that is not negative; "
                f"received {self.positions} and {self.seed}: try 2 and 0."
            )
        if self.seed >= SEEDS:
            raise StabilityError(
                f"A seed must be below {SEEDS}, to fit its column; received {self.seed}: try 0."
            )
        if not (self.sites and self.directions and self.epsilons):
            raise StabilityError(
                "A sweep needs at least one site, direction and epsilon; received "
                f"{len(self.sites)}, {len(self.directions)} and {len(self.epsilons)}: name some."
            )

    @property
    def specs(self) -> tuple[DirectionSpec, ...]:
        """The directions, parsed; raises StabilityError for a text that is none."""
        return tuple(DirectionSpec.parse(text, SWEEP_FORMS) for text in self.directions)

    def require(self, lm: Model) -> None:
        """Raise StabilityError for sites and directions that no prompt of a model has."""
        for site in self.sites:
            lm.block(site)
        for spec in self.specs:
            if spec.kind in DRAWN:
                _require_number(spec, lm.readout.vocab_size)
            elif spec.rank is not None:
                directions.require_rank(spec.rank, lm.readout.width)
            elif spec.kind == "prompt":
                lm.capture(str(spec.argument), site=self.sites[0])
            else:
                state = lm.capture(ANY_PROMPT, site=self.sites[0])
                directions.resolve(spec, state, spectrum(state, 1), lm)

    def sampled(self, prompt: Prompt, tokens: int) -> list[int]:
        """The positions to measure in a prompt of so many tokens, ascending."""
        if tokens == 1:
            return [0]
        generator = np.random.default_rng([self.seed, prompt.index])
        count = min(self.positions, tokens - 1)
        return sorted((1 + generator.choice(tokens - 1, count, replace=False)).tolist())

    def resolved(self, spec: DirectionSpec, prompt: Prompt, state: State) -> DirectionSpec:
        """The direction that `analyze` takes at one state, for a direction of the plan."""
        if spec.kind not in DRAWN:
            return spec
        number = _require_number(spec, state.readout.vocab_size)
        if spec.kind == "rival":
            (top, _), *rivals = state.most_likely(number + 1)
            return DirectionSpec("tokens", (top.id, rivals[-1][0].id))
        generator = np.random.default_rng([self.seed, prompt.index, state.position, number])
        return DirectionSpec(spec.kind, int(generator.integers(SEEDS)))


def _require_number(spec: DirectionSpec, vocab_size: int) -> int:
    """The number of a direction of a kind in `DRAWN`; raises StabilityError if it cannot be."""
    number = spec.argument
    if not isinstance(number, int) or number < 1:
        raise StabilityError(
            f"In a sweep, random, covariance and rival count from 1; received {str(spec)!r}: try "
            f"{spec.kind}:1."
        )
    if spec.kind == "rival" and number >= vocab_size:
        raise StabilityError(
            f"A token has {vocab_size - 1} rivals here; received {str(spec)!r}: try rival:1."
        )
    return number
