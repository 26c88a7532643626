"""The plan of a sweep of doses: which steering vectors to measure, where, and on how much of a text."""

from dataclasses import dataclass

from stability.arguments import whole
from stability.defaults import DOSE_EPSILONS, DOSE_STATISTICS
from stability.errors import StabilityError
from stability.prediction.distribution import require_nats
from stability.prediction.site_names import canonical_site
from stability.steering.passes.intervention import ALL, LAST
from stability.sweeps.prompts import Prompt

# where the last token alone is changed, every statistic is that of the last
OF_THE_LAST = ("last",)


@dataclass(frozen=True)
class DosePlan:
    """Which steering vectors to measure, after which blocks and at which positions.

    `vectors` are `contrast`, the mean difference of the states of `pairs` at each site, and `random:N`,
    drawn from the seed, N and the site's place among the sites, as long as the contrast vector there.
    Of each prompt, the first `words` are read.
    """

    sites: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    vectors: tuple[str, ...] = ("contrast", "random:1")
    positions: tuple[str, ...] = ("all", "last")
    epsilons: tuple[float, ...] = DOSE_EPSILONS
    words: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "sites", tuple(map(canonical_site, self.sites)))
        require_nats(*self.epsilons)
        whole(self.words, "The number of words that are read of a prompt")
        for name in ("sites", "pairs", "vectors", "positions", "epsilons"):
            if not getattr(self, name):
                raise StabilityError(
                    f"A sweep of doses needs {name}; received none: give one at least."
                )
        if unknown := [each for each in self.positions if each not in (ALL, LAST)]:
            raise StabilityError(
                f"Positions of a sweep are {ALL} or {LAST}; received {unknown[0]!r:.40}: try {ALL}."
            )
        for vector in self.vectors:
            if vector != "contrast" and self.draw(vector) is None:
                raise StabilityError(
                    "A vector of a sweep is contrast or random:N; received "
                    f"{vector!r:.40}: try random:1."
                )

    def draw(self, vector: str) -> int | None:
        """The number of a random vector; None for another."""
        kind, _, number = vector.partition(":")
        return int(number) if kind == "random" and number.isdecimal() else None

    def statistics(self, positions: str) -> tuple[str, ...]:
        """The statistics over tokens that are measured where these positions are changed."""
        return DOSE_STATISTICS if positions == ALL else OF_THE_LAST

    def text(self, prompt: Prompt) -> str:
        """The part of a prompt that is read; raises StabilityError for one that is no text."""
        if not isinstance(prompt.text, str):
            raise StabilityError(prompt.reason or "A sweep of doses needs prompts of plain text.")
        return " ".join(prompt.text.split(" ")[: self.words])
