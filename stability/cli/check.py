"""`check`: what a model is checked for, as JSON or as a table."""

import argparse
import json
from typing import TYPE_CHECKING

from stability.cli.commands import load_model

if TYPE_CHECKING:
    from stability.models.comparisons import Comparison
    from stability.models.self_check import SelfCheck

# of a check that does not hold; bad input ends with 2
DOES_NOT_HOLD = 1


def run_check(options: argparse.Namespace) -> None:
    """`check`: everything that is drawn of a model, computed a second way."""
    from stability.cli.progress import import_torch

    import_torch()
    from stability.models.self_check import check

    found = check(load_model(options.model, options.dtype))
    print(json.dumps(found.report(), allow_nan=False) if options.json else readable(found))
    if not found.holds:
        raise SystemExit(DOES_NOT_HOLD)


def readable(found: "SelfCheck") -> str:
    """A line for each comparison, then the sites that are refused, those of one reason together."""
    card = found.model
    lines = [
        f"{card.name} ({card.revision}), {card.dtype}, checked on a text of {found.tokens} tokens",
        *map(_line, found.comparisons),
    ]
    lines += [f"not run   {name}: {why}" for name, why in found.not_run.items()]
    lines += [f"refused   {', '.join(sites)}: {why}" for why, sites in found.refusals.items()]
    if found.window >= found.tokens:
        lines.append(f"not read  a text longer than the window of {found.window} tokens")
    held = "everything that could be compared holds" if found.not_run else "everything holds"
    lines.append(held if found.holds else "NOT TO BE TRUSTED: see what fails above")
    return "\n".join(lines)


def _line(comparison: "Comparison") -> str:
    unit = "" if comparison.unit == "relative" else f" {comparison.unit}"
    if comparison.limit is None:
        verdict, limit = "reported", ""
    else:
        verdict, limit = (
            "holds" if comparison.holds else "FAILS",
            f"of {comparison.limit:.0e}{unit}",
        )
    return f"{verdict:<9} {comparison.error:.1e}{unit} {limit}  {comparison.name}".rstrip()
