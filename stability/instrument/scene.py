"""A scene: everything that a browser shows of one state and one direction, as plain JSON.

Lengths are in the state's own coordinates, divergences and entropies in nats; None stands for what is
not known, or not yet: a page may send the closed form first, then the truth, the chips' radii, the
plane. Everything holds for every `ε`, so that no change of `ε` asks for another scene::

    {"setting": …              `setting.setting`
     "tokens": [{…, "radius", "norm", "no_radius"}, …]         `parts.tokens`: always at the readout
     "next", "spectrum", "numbers": …                `parts`
     "line": {"kind": "exact", "texts", …}                     `law.Law`
           | {"kind": "sampled", "texts", "epsilons", …}       `samples.Samples`
           | {"kind": "closed form", "variance", "reach"}      the truth is still to be computed
           | None              no curvature along the direction
     "plane": …                `plane.plane`; None as long as it is not known, or for good where
     "plane_note": …           says why in a sentence
     "pins": [{"setting", "line", "numbers", "next"}, …]       `pin`, the oldest first
     "status": {"message", "fraction", "still": of what the picture still is | not there} | None
     "notes": [sentences to be shown]
     "noted": a number that another refusal changes, so that its sentence is shown again
     "look_at": a hint for an example as it is opened | None}

The scripts `line.js` and `plane.js` make of a line and of a plane what is drawn of them, at any `ε`.
"""

from collections.abc import Sequence
from typing import Any

from stability.curvature.direction_spec import DirectionSpec
from stability.geometry.analysis import Analysis
from stability.geometry.sensitivity import Sensitivity
from stability.instrument import parts
from stability.instrument.examples import look_at
from stability.instrument.line import is_known, line
from stability.instrument.plain import plain
from stability.instrument.setting import setting

Part = dict[str, Any]


def scene(
    analysis: Analysis,
    spec: DirectionSpec | None = None,
    *,
    ray_line: Part | None = None,
    plane: Part | None = None,
    plane_note: str | None = None,
    second: int | None = None,
    sensitivities: Sequence[Sensitivity | None] | None = None,
    norms: Sequence[float] | None = None,
    no_radii: str = parts.PENDING,
    calibrated: Sequence[Part] | None = None,
    pins: Sequence[Part] = (),
    status: Part | None = None,
    notes: Sequence[str] = (),
) -> Part:
    """Put a scene together.

    Args:
        analysis: the state, its spectrum, and the ray.
        spec: the written direction; None for a vector that was uploaded or pasted.
        ray_line: what `line` made of the ray; by default what is known of it without running a network.
        plane: what `plane` made of the ray's direction and another; None as long as it is not known.
        plane_note: a sentence that says why there is none.
        second: the rank, from 0, of that other eigendirection.
        sensitivities: of every token of the prompt at the readout, from `token_map`; None as long as
            not known, of all or of one.
        norms: of the vectors of these tokens at the readout.
        no_radii: why there are no sensitivities: `parts.PENDING`, or for good `parts.UNKNOWN`.
        calibrated: calibrated radii, one for every `ε`: `{"epsilon", "minus", "plus"}`, each side
            a value with its interval.
        pins: rays kept, each from `pin`, the oldest first.
        status: what is being computed, `{"message", "fraction"}`.
        notes: sentences to be shown.

    Returns:
        Lists, dictionaries, text, whole and finite numbers.
    """
    state, drawn = analysis.state, ray_line or line(analysis.ray, with_truth=False)
    known = {
        "setting": setting(state, analysis.direction, spec, second),
        "tokens": parts.tokens(state.tokens, sensitivities, norms, no_radii),
        "next": parts.next_tokens(state),
        "spectrum": parts.spectrum(analysis.spectrum),
        "plane_note": plane_note,
        "numbers": parts.numbers(analysis, is_known(drawn)) | {"calibrated": calibrated},
        "status": status,
        "notes": notes,
        "look_at": _look_at(analysis),
    }
    # these are plain already, and hold nearly all the numbers there are
    return {**plain(known), "line": drawn, "plane": plane, "pins": [*pins]}


def _look_at(analysis: Analysis) -> str | None:
    """What to look at, if this is an example as it is opened: at its end, where it is read out."""
    state = analysis.state
    is_opened = state.position == len(state.tokens) - 1 and state.is_at_readout
    if not (is_opened and isinstance(state.prompt, str)):
        return None
    return look_at(state.prompt, state.model.name, analysis.direction.rank)


def pin(kept: Part) -> Part:
    """What is kept of a scene when its ray is pinned."""
    return {name: kept[name] for name in ("setting", "line", "numbers", "next")}
