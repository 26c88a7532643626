"""What a sweep measures at each prompt: which positions, sites, directions and `ε`.

What is drawn at random follows from the seed and the prompt's place in its file: the same rows come out
in whatever order, and on whatever machine, prompts are measured.
"""

from dataclasses import dataclass

import numpy as np

from stability.curvature import directions
from stability.curvature.spectrum import spectrum
from stability.defaults import EPSILONS
from stability.errors import StabilityError
from stability.prediction.distribution import require_nats
from stability.prediction.source import Model
from stability.prediction.state import State
from stability.prompts import Prompt

DIRECTIONS = (
    *(f"eig:{rank}" for rank in (0, 1, 3, 10, 30, 100)),
    *(f"{kind}:{number}" for kind in ("random", "covariance", "rival") for number in (1, 2)),
)
DRAWN = ("random", "covariance", "rival")  # of each state its own
SEEDS = 2**31
ANY_PROMPT = "A prompt"


@dataclass(frozen=True)
class Plan:
    """What is measured at each prompt.

    `positions` are drawn from a prompt's tokens without the first, whose prediction all prompts that
    begin alike share. `directions` are those of `analyze`, but that `random:N` and `covariance:N` are
    drawn anew at each position, and `rival:N` points from the most likely token to the N-th after it.
    """

    sites: tuple[str, ...] = ("prelogit",)
    directions: tuple[str, ...] = DIRECTIONS
    epsilons: tuple[float, ...] = EPSILONS
    positions: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        for epsilon in self.epsilons:
            require_nats(epsilon)
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

    def require(self, lm: Model) -> None:
        """Raise StabilityError for sites and directions that no prompt of a model has."""
        for site in self.sites:
            lm.block(site)
        for spec in self.directions:
            kind, _, argument = spec.partition(":")
            if kind in DRAWN:
                _whole(spec, argument, lm.readout.vocab_size)
                continue
            if kind not in directions.KINDS:
                raise StabilityError(
                    "A direction of a sweep must be eig:K, random:N, covariance:N, rival:N, "
                    f"tokens:A,B, prompt:TEXT or file:PATH; received {spec!r}: try eig:0."
                )
            if kind == "prompt":
                lm.capture(argument, site=self.sites[0])
            elif directions.rank(spec, lm.readout.width) is None:  # the same at every prompt
                state = lm.capture(ANY_PROMPT, site=self.sites[0])
                directions.resolve(spec, state, spectrum(state, 1), lm)

    def sampled(self, prompt: Prompt, tokens: int) -> list[int]:
        """The positions that are measured, in order."""
        if tokens == 1:
            return [0]
        draw = np.random.default_rng([self.seed, prompt.index])
        count = min(self.positions, tokens - 1)
        return sorted((1 + draw.choice(tokens - 1, count, replace=False)).tolist())

    def resolved(self, spec: str, prompt: Prompt, state: State) -> str:
        """A direction of the plan as `analyze` takes it at one state."""
        kind, _, number = spec.partition(":")
        if kind in DRAWN:
            n = _whole(spec, number, state.readout.vocab_size)
            if kind == "rival":
                (top, _), *others = state.most_likely(n + 1)
                return f"tokens:{top.id},{others[-1][0].id}"
            draw = np.random.default_rng([self.seed, prompt.index, state.position, n])
            return f"{kind}:{draw.integers(2**31)}"
        return spec


def _whole(spec: str, number: str, vocabulary: int) -> int:
    if not (number.isdecimal() and int(number) >= 1):
        raise StabilityError(
            f"In a sweep, random, covariance and rival count from 1; received {spec!r}: try "
            f"{spec.partition(':')[0]}:1."
        )
    if spec.startswith("rival") and int(number) >= vocabulary:
        raise StabilityError(
            f"A token has {vocabulary - 1} rivals here; received {spec!r}: try rival:1."
        )
    return int(number)
