"""The parts of a scene that take no time, each made from one result of the library."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from stability.curvature.spectrum import Spectrum
from stability.defaults import LEADING_PAIRS
from stability.geometry.analysis import Analysis
from stability.geometry.sensitivity import Sensitivity
from stability.instrument.named import NEXT
from stability.prediction.provenance import Token
from stability.prediction.state import State
from stability.text import spelled

# why a token has no radius: it is still to be computed, there is none, it will not be known
PENDING, FLAT, UNKNOWN = "pending", "flat", "unknown"


def tokens(
    prompt: Sequence[Token],
    sensitivities: Sequence[Sensitivity | None] | None = None,
    norms: Sequence[float] | None = None,
    no_radii: str = PENDING,
) -> list[dict[str, Any]]:
    """The tokens of a prompt, with the shortest predicted radius of each at `ε = 1`, if known.

    It is that of the readout, and so is the `norm` of which it is a part; `no_radius` says why there is
    none: it is `PENDING`, `FLAT` where `H = 0`, or `UNKNOWN` for good.
    """
    known: Sequence[Sensitivity | None] = sensitivities or [None] * len(prompt)
    lengths: Sequence[float | None] = norms or [None] * len(prompt)
    return [
        {
            **asdict(token),
            "text": spelled(token.text),
            "radius": (radius := one and one.radius(1.0)),
            "no_radius": None if radius else FLAT if one else no_radii,
            "norm": norm,
            "entropy": one and one.entropy,
        }
        for token, one, norm in zip(prompt, known, lengths, strict=True)
    ]


def next_tokens(state: State) -> list[dict[str, Any]]:
    """The most likely next tokens."""
    return [
        {"id": token.id, "text": spelled(token.text), "probability": probability}
        for token, probability in state.most_likely(NEXT)
    ]


def spectrum(pairs: Spectrum) -> dict[str, Any]:
    """The leading eigenvalues, how they share the trace, and what they say of the effective rank."""
    # as many as by default, however many are held
    leading = replace(
        pairs,
        eigenvalues=pairs.eigenvalues[:LEADING_PAIRS],
        vectors=pairs.vectors[:, :LEADING_PAIRS],
        residuals=pairs.residuals[:LEADING_PAIRS],
        upper=None,
    )
    return {
        "eigenvalues": leading.eigenvalues.tolist(),
        "trace": leading.trace,
        "trace_error": leading.trace_error or None,
        "effective_rank": list(leading.effective_rank_bounds),
        "shown_share": float(leading.share.sum()),
    }


def numbers(analysis: Analysis, with_truth: bool = True) -> dict[str, Any]:
    """The numbers of a state and a ray that hold for every `ε`.

    Without the truth, which below the readout the network is run for, there is no trust range.
    """
    state, ray, sensitivity = analysis.state, analysis.ray, analysis.sensitivity
    nearest = sensitivity.nearest_flip
    return {
        "entropy": state.entropy,
        "margin": state.margin,
        "nearest_flip": nearest and {**asdict(nearest), "text": spelled(nearest.text)},
        "ball": _ball(sensitivity),
        "token_constraint_bound": sensitivity.token_constraint_bound,
        "cumulants": ray.cumulants,
        "trust": analysis.trust_range if with_truth else None,
        "calibrated": None,
    }


def _ball(sensitivity: Sensitivity) -> dict[str, float] | None:
    """What the certified ball follows from at any `ε`; None where there is none."""
    if sensitivity.certified_ball(1.0) is None:
        return None
    return {
        "reach": sensitivity.reach or 0.0,
        "upper": sensitivity.upper or 0.0,
        "rounding": sensitivity.rounding,
    }
