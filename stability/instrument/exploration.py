"""A way through the states of a prompt: what is looked at, changed by events, seen as scenes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from jaxtyping import Float
from torch import Tensor

from stability.curvature import directions
from stability.curvature.direction import Direction
from stability.curvature.direction_spec import DirectionSpec
from stability.curvature.spectrum import Spectrum, spectrum
from stability.errors import StabilityError
from stability.geometry.analysis import Analysis, along, pairs_for
from stability.geometry.region import region
from stability.geometry.sensitivity import token_map
from stability.instrument.line import line
from stability.instrument.parts import UNKNOWN
from stability.instrument.plane import plane
from stability.instrument.scene import Part, pin, scene
from stability.prediction.conversation import PromptLike
from stability.prediction.source import Source
from stability.prediction.state import State

FLAT = "The plane of these two directions has one without curvature: there is no closed region."
Asked = DirectionSpec | Direction


@dataclass(frozen=True, eq=False)
class Look:
    """What is looked at: a state, a direction, and the eigendirection that spans a plane with it."""

    state: State
    asked: Asked
    second: int | None = None
    pins: tuple[Part, ...] = ()


@dataclass(eq=False)
class Exploration:
    """The states that may be looked at, and what has been looked at last.

    `states` are those of one prompt at one site; `source` gives other prompts' states, which some
    directions need.
    """

    states: Sequence[State]
    look: Look
    pairs: int
    source: Source | None = None
    scene: Part | None = None
    spectra: dict[int, Spectrum] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.start = self.look

    def answer(self, event: dict[str, Any]) -> None:
        """Change what is looked at as an event asks; raises StabilityError where that cannot be."""
        look = self.look
        match event:
            case {"kind": "position", "position": int(position)}:
                self.look = replace(look, state=self._at(position))
            case {"kind": "direction", "rank": int(rank)}:
                self._along(DirectionSpec("eig", rank))
            case {"kind": "towards", "from": int(start), "to": int(end)}:
                self._along(DirectionSpec("tokens", (start, end)))
            case {"kind": "second", "rank": int(rank)}:
                self.look = replace(look, second=rank)
            case {"kind": "turn", "degrees": int() | float() as degrees}:
                self._turn(float(degrees))
            case {"kind": "pin"} if self.scene is not None:
                self.look = replace(look, pins=(*look.pins, pin(self.scene)))
            case {"kind": "unpin", "index": int(index)}:
                kept = (one for place, one in enumerate(look.pins) if place != index)
                self.look = replace(look, pins=tuple(kept))
            case {"kind": "reset"}:
                self.look = self.start

    def scenes(self) -> Iterator[Part]:
        """What is known at once, then the same with all that takes the network or some time."""
        spec = self.look.asked if isinstance(self.look.asked, DirectionSpec) else None
        analysis, second, pins = self._analysis(), self._second(), self.look.pins
        self.scene = scene(analysis, spec, second=second, pins=pins)
        yield self.scene
        edge = None if second is None else self._plane(analysis, second)
        has_chips = self.look.state.is_at_readout and len(self.states) > 1
        self.scene = scene(
            analysis,
            spec,
            ray_line=line(analysis.ray),
            plane=edge,
            plane_note=None if edge else FLAT,
            second=second,
            sensitivities=token_map(self.states) if has_chips else None,
            norms=[state.norm for state in self.states] if has_chips else None,
            no_radii=UNKNOWN,
            pins=pins,
        )
        yield self.scene

    def _at(self, position: int) -> State:
        for state in self.states:
            if state.position == position:
                return state
        raise StabilityError(
            f"A token can be looked at if its state was given; received position {position}: give all, "
            "with stability.explore(lm.capture_all(prompt))."
        )

    def _along(self, spec: DirectionSpec) -> None:
        before = self.look
        self.look = replace(before, asked=spec, second=None)
        try:
            self._analysis()
        except StabilityError:
            self.look = before
            raise

    def _turn(self, degrees: float) -> None:
        second, asked = self._second(), self.look.asked
        if second is None or not isinstance(asked, DirectionSpec):
            raise StabilityError(
                "A direction that is turned needs a written form and a plane; received a vector: give "
                "a direction such as eig:0."
            )
        self._along(DirectionSpec.parse(f"turn:{degrees:g},{second},{asked}"))
        self.look = replace(self.look, second=second)

    def _spectrum(self) -> Spectrum:
        state, asked = self.look.state, self.look.asked
        wanted = (
            pairs_for(state, asked, self.pairs) if isinstance(asked, DirectionSpec) else self.pairs
        )
        known = self.spectra.get(state.position)
        if known is None or len(known.eigenvalues) < wanted:
            known = self.spectra[state.position] = spectrum(state, min(wanted, state.width))
        return known

    def _analysis(self) -> Analysis:
        state, asked, pairs = self.look.state, self.look.asked, self._spectrum()
        if isinstance(asked, DirectionSpec):
            asked = directions.resolve(asked, state, pairs, self.source or _NoSource())
        return along(state, pairs, asked)

    def _second(self) -> int | None:
        """The eigendirection of the plane: as chosen, or the first that is not the ray's."""
        rank = self.look.asked.rank
        chosen = self.look.second
        if chosen is not None and chosen != rank:
            return chosen
        other = 1 if rank == 0 else 0
        return other if other < len(self._spectrum().eigenvalues) else None

    def _plane(self, analysis: Analysis, second: int) -> Part | None:
        across = self._spectrum().vectors[:, second]
        return plane(region(self.look.state, analysis.direction.vector, across))


class _NoSource:
    """Stands for a language model where none was given, and refuses."""

    def capture(self, prompt: PromptLike, position: int = -1, site: str = "prelogit") -> State:
        """Refuse a state of another prompt."""
        raise StabilityError(
            f"A direction towards another prompt, {str(prompt)!r:.80}, needs the language model; "
            "received states alone: give it, as in stability.explore(states, lm=lm)."
        )

    def background(self, site: str) -> Float[Tensor, "n d"]:
        """Refuse the states of many prompts."""
        raise StabilityError(
            f"A covariance at {site} needs the language model; received states alone: give it, as in "
            "stability.explore(states, lm=lm)."
        )
