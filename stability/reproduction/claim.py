"""A claim: a quantity, with the source's statement beside the measured number."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from stability.evaluation.bootstrap import Estimate

PERCENT, RATIO, PLAIN = "%", "times", ""


@dataclass(frozen=True)
class Claim:
    """A quantity: the source's statement about it, the measured number, and the exact setting.

    `source` is empty for a claim of this project alone. `unit` is that of the measured number: per cent
    of a share, times, or none.
    """

    quantity: str
    source: str
    setting: str
    measured: Estimate
    unit: str

    @property
    def value(self) -> str:
        """The measured number with its interval."""
        return self.measured.spelled(self.unit)

    def report(self) -> dict[str, Any]:
        """The claim as plain data; a share is a number from 0 to 1."""
        unit = "share" if self.unit == PERCENT else self.unit
        return asdict(self) | {"measured": self.measured._asdict(), "unit": unit}


def at(cases: pd.DataFrame, epsilon: float) -> pd.DataFrame:
    """The cases at one `ε`."""
    return cases[np.isclose(cases["epsilon"], epsilon)]


def setting_text(cases: pd.DataFrame, along: str) -> str:
    """The setting of cases at one site, with the numbers of radii, positions and prompts."""
    positions = cases.groupby(["prompt_index", "position"]).ngroups
    return (
        f"{cases['site'].iloc[0]}, {along}, both sides; {len(cases)} radii at {positions} positions of "
        f"{cases['prompt_index'].nunique()} prompts"
    )
