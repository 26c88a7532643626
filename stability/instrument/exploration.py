"""A way through the states of a prompt: what is looked at, changed by events, seen as scenes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
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
from stability.geometry.sensitivity import Sensitivity
from stability.geometry.token_map import token_map
from stability.instrument.line import line
from stability.instrument.parts import UNKNOWN
from stability.instrument.plane import FLAT, plane
from stability.instrument.scene import Part, pin, scene
from stability.prediction.conversation import PromptLike
from stability.prediction.pause import Pause, no_pause
from stability.prediction.source import Source
from stability.prediction.state import State

Asked = DirectionSpec | Direction


@dataclass(frozen=True, eq=False)
class Look:
    """What is looked at: a state, a direction, and the eigendirection that spans a plane with it."""

    state: State
    asked: Asked
    second: int | None = None
    pins: tuple[Part, ...] = ()

    @property
    def picture(self) -> tuple[State, Asked, int | None]:
        """What is drawn, apart from the rays that are kept."""
        return self.state, self.asked, self.second


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

    def after(self, event: dict[str, Any]) -> Look:
        """What an event asks to be looked at; raises StabilityError where that cannot be."""
        look = self.look
        match event:
            case {"kind": "position", "position": int(position)}:
                look = replace(look, state=self._at(position))
            case {"kind": "direction", "rank": int(rank)}:
                look = replace(look, asked=DirectionSpec("eig", rank), second=None)
            case {"kind": "towards", "from": int(start), "to": int(end)}:
                look = replace(look, asked=DirectionSpec("tokens", (start, end)), second=None)
            case {"kind": "second", "rank": int(rank)}:
                look = replace(look, second=rank)
            case {"kind": "turn", "degrees": int() | float() as degrees}:
                look = self._turned(float(degrees))
            case {"kind": "pin"} if self.scene is not None:
                look = replace(look, pins=(*look.pins, pin(self.scene)))
            case {"kind": "unpin", "index": int(index)}:
                kept = (one for place, one in enumerate(look.pins) if place != index)
                look = replace(look, pins=tuple(kept))
            case {"kind": "reset"}:
                look = self.start
        return look

    def scenes(self, look: Look) -> Iterator[Part]:
        """What is known at once, then the same with all that takes the network or some time.

        From then on it is what is looked at; raises StabilityError, and keeps what was, where there is
        no such scene.
        """
        if self.scene is not None and look.picture == self.look.picture:
            self.look, self.scene = look, {**self.scene, "pins": [*look.pins]}
            yield self.scene
            return
        spec = look.asked if isinstance(look.asked, DirectionSpec) else None
        analysis, second = self._analysis(look), self._second(look)
        yield scene(analysis, spec, second=second, pins=look.pins)
        edge, note = self._plane(analysis, second)
        has_chips = look.state.is_at_readout and len(self.states) > 1
        whole = scene(
            analysis,
            spec,
            ray_line=line(analysis.ray),
            plane=edge,
            plane_note=note,
            second=second,
            sensitivities=self._chips if has_chips else None,
            norms=[state.norm for state in self.states] if has_chips else None,
            no_radii=UNKNOWN,
            pins=look.pins,
        )
        self.look, self.scene = look, whole
        yield whole

    def _at(self, position: int) -> State:
        for state in self.states:
            if state.position == position:
                return state
        raise StabilityError(
            f"A token can be looked at if its state was given; received position {position}: give all, "
            "with stability.explore(lm.capture_all(prompt))."
        )

    def _turned(self, degrees: float) -> Look:
        look, second = self.look, self._second(self.look)
        if second is None or not isinstance(look.asked, DirectionSpec):
            raise StabilityError(
                "A direction that is turned needs a written form and a plane; received a vector: give "
                "a direction such as eig:0."
            )
        pairs = self._spectrum(look)
        spec = directions.turned_on(look.asked, degrees, second, look.state, pairs, self._source)
        return replace(look, asked=spec, second=second)

    @cached_property
    def _chips(self) -> list[Sensitivity]:
        """How each token answers to any direction."""
        return token_map(self.states)

    @property
    def _source(self) -> Source:
        return self.source or _NoSource()

    def _spectrum(self, look: Look) -> Spectrum:
        state, asked = look.state, look.asked
        wanted = (
            pairs_for(state, asked, self.pairs) if isinstance(asked, DirectionSpec) else self.pairs
        )
        known = self.spectra.get(state.position)
        if known is None or len(known.eigenvalues) < wanted:
            known = self.spectra[state.position] = spectrum(state, min(wanted, state.width))
        return known

    def _analysis(self, look: Look) -> Analysis:
        asked, pairs = look.asked, self._spectrum(look)
        if isinstance(asked, DirectionSpec):
            asked = directions.resolve(asked, look.state, pairs, self._source)
        return along(look.state, pairs, asked)

    def _second(self, look: Look) -> int | None:
        """The eigendirection of the plane: as chosen, or the first that is not the ray's."""
        pairs, rank = len(self._spectrum(look).eigenvalues), look.asked.rank
        if look.second is not None and look.second != rank:
            directions.require_rank(look.second, pairs)
            return look.second
        other = 1 if rank == 0 else 0
        return other if other < pairs else None

    def _plane(self, analysis: Analysis, second: int | None) -> tuple[Part | None, str | None]:
        """The plane of a ray and an eigendirection, or why there is none."""
        if second is None:
            return None, FLAT
        across = directions.eigen(analysis.spectrum, second).vector
        try:
            edge = plane(region(analysis.state, analysis.direction.vector, across))
        except StabilityError as error:
            return None, str(error)
        return edge, None if edge else FLAT


class _NoSource:
    """Stands for a language model where none was given, and refuses."""

    def capture(self, prompt: PromptLike, position: int = -1, site: str = "prelogit") -> State:
        """Refuse a state of another prompt."""
        raise StabilityError(
            f"A direction towards another prompt, {str(prompt)!r:.80}, needs the language model; "
            "received states alone: give it, as in stability.explore(states, lm=lm)."
        )

    def background(self, site: str, pause: Pause = no_pause) -> Float[Tensor, "n d"]:
        """Refuse the states of many prompts."""
        raise StabilityError(
            f"A covariance at {site} needs the language model; received states alone: give it, as in "
            "stability.explore(states, lm=lm)."
        )
