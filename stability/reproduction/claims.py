"""What the sources claim beside what is measured here, each with its setting and its interval."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from stability.evaluation import bootstrap
from stability.evaluation.bootstrap import Estimate
from stability.evaluation.calibration import (
    CERTIFIED,
    CLOSED_FORM,
    INTERVAL,
    MOMENTS,
    PLACED,
    PREDICTORS,
    after,
    cases,
    with_calibrated,
    with_places,
)
from stability.evaluation.scores import errors, within

GOLMANT = "Golmant 2026 (Qwen3-1.7B, Llama-3.2-1B, Pythia-1B)"


@dataclass(frozen=True)
class Finding:
    """A quantity: what a source claims of it, what was measured, and exactly how.

    `unit` is that of the measured number: per cent of a share, times, or none.
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
        """The same as plain data; a share is a number from 0 to 1."""
        unit = "share" if self.unit == PERCENT else self.unit
        return asdict(self) | {"measured": self.measured._asdict(), "unit": unit}


PERCENT, RATIO, PLAIN = "%", "times", ""


def findings(table: pa.Table) -> list[Finding]:
    """Everything that the sources claim and the results of one model can tell."""
    found = cases(table)
    readout = found[found["site"] == "prelogit"]
    random = [_random(part) for _, part in found.groupby("site", sort=False)]
    return [
        *_small(readout),
        *_large(readout),
        *_placed(readout),
        *_other(readout),
        *random,
        *_deep(found),
    ]


def _setting(part: pd.DataFrame, what: str) -> str:
    places = part.groupby(["prompt_index", "position"]).ngroups
    return (
        f"{part['site'].iloc[0]}, {what}, both sides; {len(part)} radii at {places} positions of "
        f"{part['prompt_index'].nunique()} prompts"
    )


def _small(readout: pd.DataFrame) -> list[Finding]:
    part = readout[(readout["direction"] == "eig:0") & np.isclose(readout["epsilon"], 0.001)]
    setting = _setting(part, "top eigendirection, ε = 0.001")
    claim = f"{GOLMANT}: within 1 % on Qwen3-1.7B, within 8 % on all three"
    return [
        Finding(
            "closed form, small ε: median size of the error",
            claim,
            setting,
            bootstrap.median(*errors(part, CLOSED_FORM)),
            PERCENT,
        ),
        Finding(
            "closed form, small ε: share within 8 %",
            claim,
            setting,
            within(part, CLOSED_FORM, 0.08),
            PERCENT,
        ),
    ]


def _large(readout: pd.DataFrame) -> list[Finding]:
    part = with_calibrated(readout[np.isclose(readout["epsilon"], 1.0)])
    kinds = ", ".join(sorted(part["kind"].unique()))
    setting = _setting(part, f"directions of kinds {kinds}, ε = 1 nat")
    recipe = f"{GOLMANT}: 54 to 73 % at large ε, with one isotonic calibration"
    rows = (
        (CLOSED_FORM, ""),
        (after(CLOSED_FORM), recipe),
        (after(CERTIFIED), ""),
        (MOMENTS, ""),
        (after(MOMENTS), ""),
    )
    return [
        Finding(
            f"{column}: share within 50 %",
            source,
            setting + ("" if column in PREDICTORS else "; fitted to other prompts"),
            within(part, column, 0.5),
            PERCENT,
        )
        for column, source in rows
    ]


def _placed(readout: pd.DataFrame) -> list[Finding]:
    """What a place in the bracket adds, and whether its interval keeps what it promises."""
    part = with_places(readout[np.isclose(readout["epsilon"], 1.0)])
    setting = _setting(part, "all directions, ε = 1 nat")
    rows = [
        Finding(f"{name}: share within 8 %", "", setting, within(part, name, 0.08), PERCENT)
        for name in (MOMENTS, PLACED)
    ]
    for what, own in (
        ("all predictions", part),
        ("where entropy is below 0.3 nats", part[part["entropy"] < 0.3]),
    ):
        inside = own["actual"].between(own["low"], own["high"]).to_numpy()
        rows.append(
            Finding(
                f"{PLACED}: boundaries in the {INTERVAL:.0%} interval, {what}",
                "",
                _setting(own, "all directions, ε = 1 nat") + "; placed by other prompts",
                bootstrap.share(inside, own["prompt_index"].to_numpy()),
                PERCENT,
            )
        )
    return rows


def _other(readout: pd.DataFrame) -> list[Finding]:
    part = readout[np.isclose(readout["epsilon"], 0.01)]
    states = part.groupby(["prompt_index", "position"], as_index=False).first()
    states = states[states["token_constraint_bound"].notna()]
    sides = part.pivot_table(
        ["actual", "kappa3"], ["prompt_index", "position", "direction"], "side"
    )
    shorter = (sides[("actual", 1)] < sides[("actual", -1)]) == (sides[("kappa3", 1)] > 0)

    def bound(name: str, column: str) -> Finding:
        x, y, owner = (
            states[key].to_numpy() for key in ("token_constraint_bound", column, "prompt_index")
        )
        return Finding(
            f"rank correlation of the token constraint bound with the {name}",
            "",
            f"prelogit, {len(states)} positions of {states['prompt_index'].nunique()} prompts",
            bootstrap.rank_correlation(x, y, owner),
            PLAIN,
        )

    return [
        bound("entropy", "entropy"),
        bound("margin", "margin"),
        Finding(
            "κ₃ tells which side's boundary is nearer",
            "",
            _setting(part, "all directions, ε = 0.01"),
            bootstrap.share(
                shorter.to_numpy(bool), sides.index.get_level_values("prompt_index").to_numpy()
            ),
            PERCENT,
        ),
    ]


def _random(found: pd.DataFrame) -> Finding:
    """Isotropic against covariance-matched directions at one site: geometric means at each state."""
    part = found[np.isclose(found["epsilon"], 0.01) & found["kind"].isin(["random", "covariance"])]
    logs = part.assign(log=np.log(part["actual"])).pivot_table(
        "log", ["prompt_index", "position"], "kind"
    )
    logs = logs.dropna()
    return Finding(
        "true radius along isotropic random directions, over covariance-matched ones (below 1: "
        "isotropic ones are more sensitive)",
        "Lee and Heimersheim 2024: isotropic directions are far less sensitive (in early layers)",
        _setting(part, "random and covariance-matched directions, ε = 0.01"),
        bootstrap.median(
            np.exp(logs["random"] - logs["covariance"]).to_numpy(),
            logs.index.get_level_values("prompt_index").to_numpy(),
        ),
        RATIO,
    )


def _deep(found: pd.DataFrame) -> list[Finding]:
    top = found[(found["direction"] == "eig:0") & np.isclose(found["epsilon"], 0.01)]
    return [
        Finding(
            f"closed form at {site}: share within 10 %",
            "",
            _setting(part, "top eigendirection, ε = 0.01"),
            within(part, CLOSED_FORM, 0.1),
            PERCENT,
        )
        for site, part in top.groupby("site", sort=False)
        if site != "prelogit"
    ]
