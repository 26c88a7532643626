"""The plane of a scene: KL, the boundary at every `ε`, probabilities and cells around a state."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int
from numpy import ndarray

from stability.exact.cells import Cell
from stability.geometry.region import Region
from stability.instrument.plain import plain, rounded
from stability.instrument.planar import planar
from stability.instrument.polar import NUMERICAL_LEVELS, Polar, polar
from stability.numerics import largest
from stability.text import spelled
from stability.views.region import LONGEST_OVER_NEAREST, MARGIN

# where there is none
FLAT = "This plane has a direction without curvature: there is no closed region."
# nats: what writing the atoms may do to the shift of one, at the end of the table
SHIFT_ROUNDING = 1e-5
# tokens that are named, at least
LEADING = 40
# the place of the largest budget among levels
LAST = len(NUMERICAL_LEVELS) - 1


def plane(region: Region) -> dict[str, Any] | None:
    """The plane of a region as plain data; None where it has a direction without curvature.

    `angles` (radians, from the first axis), `levels` (nats), `log_distances` and their `slopes` by
    `log ε` make the polar table: a row for each angle, None where a level is not reached. `atoms` have
    a slope along either axis and the logarithm of a weight, and give KL at any point; the named tokens
    have the logarithm of their probability and both slopes. The last and `slopes` are None where the
    logits are not linear, and `ids` empty.
    """
    table = polar(region)
    if table is None:
        return None
    half = _half_width(table)
    cells = region.cells((-half, half, -half, half))
    return plain(
        {
            "exact": region.state.is_linear,
            "angles": table.angles,
            "levels": table.levels,
            "log_distances": np.log(table.distances).round(5),
            "slopes": None if table.slopes is None else table.slopes.round(3),
            "curvature": region.curvature,
            **(_law(region, table, cells) if region.state.is_linear else _NO_LAW),
            "cells": [
                {"id": cell.id, "text": spelled(cell.text), "corners": rounded(cell.corners)}
                for cell in cells
            ],
            "cells_extent": half,
        }
    )


_NO_LAW: dict[str, Any] = {
    "atoms": None,
    "ids": [],
    "texts": [],
    **dict.fromkeys(("log_probs", "slopes_x", "slopes_y")),
}


def _half_width(table: Polar) -> float:
    """Half the width of a view of the region at the largest budget, or of its middle."""
    distances = table.distances[:, LAST]
    reached = np.isfinite(distances)
    if not reached.any():
        return MARGIN * float(table.distances[np.isfinite(table.distances)].max())
    furthest = np.abs(table.points[reached, LAST]).max()
    return MARGIN * float(min(furthest, LONGEST_OVER_NEAREST * distances.min()))


def _law(region: Region, table: Polar, cells: Sequence[Cell]) -> dict[str, Any]:
    """The atoms, and the tokens that are named, where logits are linear."""
    log_probs, slopes = region.state.log_probs.cpu().numpy(), region.slopes
    atoms = planar(slopes, log_probs, table)
    furthest = table.distances[np.isfinite(table.distances)].max()
    decimals = math.ceil(math.log10(furthest / SHIFT_ROUNDING))
    ids = _leading(region, table, cells)
    return {
        "atoms": {
            "x": atoms.slopes[:, 0].round(decimals),
            "y": atoms.slopes[:, 1].round(decimals),
            "log_weights": rounded(atoms.log_weights),
        },
        "ids": ids,
        "texts": [spelled(region.state.text(token)) for token in ids.tolist()],
        "log_probs": log_probs[ids],
        "slopes_x": slopes[ids, 0],
        "slopes_y": slopes[ids, 1],
    }


def _leading(region: Region, table: Polar, cells: Sequence[Cell]) -> Int[ndarray, " k"]:
    """The tokens that are named, the likeliest first: all with a cell, then the most likely ones.

    Those are likely at the state, or at the boundary of the largest budget.
    """
    log_probs = region.state.log_probs.cpu().numpy()
    reached = np.isfinite(table.distances[:, LAST])
    shares = log_probs.copy()
    for point in table.points[reached, LAST][:: max(1, reached.sum() // 24)]:
        np.maximum(shares, log_probs + region.slopes @ point - table.levels[LAST], out=shares)
    winners = [region.state.argmax, *{cell.id for cell in cells}]
    shares[winners] = np.inf
    ids = largest(shares, max(LEADING, len(winners)))
    ids = ids[np.isfinite(log_probs[ids])]
    first = log_probs[ids] + np.where(ids == region.state.argmax, 1.0, 0.0)
    return ids[np.argsort(-first, kind="stable")]
