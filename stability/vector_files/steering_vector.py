"""A steering vector: what is added to, or projected out of, the states that leave some blocks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from stability.errors import StabilityError, require_distinct
from stability.prediction.site_names import canonical_site
from stability.vector_files.vector_file import ADD, PROJECT, checked


@dataclass(frozen=True, eq=False)
class SteeringVector:
    """Vectors by the site after which they are applied, all with one coefficient `c`.

    Sites are kept in their canonical spelling and in order of depth, vectors in float64.

    Attributes:
        file: the name of the file that they come from, or what made them.
        format: the file's format, with the tool that writes it.
        vectors: by site, each (d,), with its length kept.
        mode: `add`, h ← h + c·v, or `project`, h ← h − c·(h·d)d with d = v/‖v‖.
        extracted: by site, where the vector was measured; None where the file does not say.
        coefficient: the strength that the file proposes; None where it names none.
        model_type: the architecture that the file names; None where it names none.
        warnings: what is easily got wrong about it, a sentence each.

    >>> import numpy as np, stability
    >>> vector = stability.SteeringVector("mine", "array", {"block:5": np.array([3.0, 4.0])})
    >>> vector.site, vector.mode, vector.norm
    ('block:5', 'add', 5.0)
    """

    file: str
    format: str
    vectors: Mapping[str, ndarray] = field(repr=False)
    mode: str = ADD
    extracted: Mapping[str, str | None] = field(default_factory=dict)
    coefficient: float | None = None
    model_type: str | None = None
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.mode not in (ADD, PROJECT):
            raise StabilityError(
                f"A steering vector is added or projected out; received mode {self.mode!r:.40}: use "
                "add or project."
            )
        object.__setattr__(self, "vectors", _canonical(self.vectors, self.file))
        zero = [site for site, vector in self.vectors.items() if not np.any(vector)]
        # among several layers that are added, some may be left as they are
        if not self.vectors or len(zero) == len(self.vectors) or (zero and self.mode == PROJECT):
            raise StabilityError(
                f"A steering vector must not be zero; that of {self.file!r} "
                f"{'for ' + zero[0] + ' ' if zero else ''}is: give one with a length."
            )

    @property
    def site(self) -> str:
        """The sites, in order of depth, with commas between them."""
        return ",".join(self.vectors)

    @property
    def norm(self) -> float:
        """The Euclidean length of all the vectors together, in the file's own units."""
        return sqrt(sum(float(vector @ vector) for vector in self.vectors.values()))


def _canonical(vectors: Mapping[str, ndarray], file: str) -> dict[str, Float[ndarray, " d"]]:
    """The vectors by canonical site, in order of depth, checked, and all of one width."""
    kept: dict[str, Float[ndarray, " d"]] = {}
    for name, vector in vectors.items():
        site = canonical_site(name)
        if site in kept:
            raise StabilityError(
                f"One vector is applied at a site; {file!r} has two for {site:.40}, of which one is "
                f"called {name!r:.40}: keep one of them."
            )
        kept[site] = checked(vector, f"the vector for {site:.40}", file)
    widths = {len(vector) for vector in kept.values()}
    if len(widths) > 1:
        raise StabilityError(
            f"The vectors of all sites must have one width; those of {file!r} have "
            f"{', '.join(map(str, sorted(widths)))}: give those of one model."
        )
    return {site: kept[site] for site in sorted(kept, key=depth)}


def from_array(values: ndarray, site: str, mode: str = ADD, file: str = "vector") -> SteeringVector:
    """The steering vector of an array, at one site or several with commas between them."""
    vector = checked(values, "the array", file)
    return SteeringVector(file, "array", dict.fromkeys(sites_in(site), vector), mode)


def sites_in(text: str) -> list[str]:
    """The sites of a list with commas, canonical, in order of depth.

    Raises StabilityError where one is named twice.
    """
    sites = [canonical_site(part.strip()) for part in text.split(",")]
    require_distinct(sites, "Sites")
    return sorted(sites, key=depth)


def depth(site: str) -> tuple[int, str]:
    """By what sites are put in order: the block, then the name."""
    kind, _, number = site.partition(":")
    is_block = kind == "block" and number.isascii() and number.isdecimal()
    return (int(number[:9]) if is_block else 10**9, site)
