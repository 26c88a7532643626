"""Claims about doses of steering vectors: how far the closed form holds, and a rule of thumb."""

from collections.abc import Iterator

import pandas as pd
import pyarrow as pa

from stability.evaluation import bootstrap
from stability.evaluation.dose_scores import (
    both_sides,
    dose_cases,
    dose_rows,
    halves,
    share_within,
)
from stability.reproduction.claim import PERCENT, PLAIN, Claim, at

# ε in nats, and within which part of the true dose the closed form is asked to be
LIMITS = {0.01: 0.1, 0.1: 0.25, 1.0: 0.5}


def dose_claims(table: pa.Table) -> list[Claim]:
    """Every claim about doses, measured on the rows of one model."""
    cases = dose_cases(table)
    return [*_closed_form(cases), *_averaged(cases), *_half(dose_rows(table))]


def _closed_form(cases: pd.DataFrame) -> Iterator[Claim]:
    """Shares of predicted doses at each `ε`, where every token is changed and where the last is."""
    for positions, statistic in (("all", "mean"), ("all", "p95"), ("last", "last")):
        part = cases[(cases["positions"] == positions) & (cases["statistic"] == statistic)]
        for epsilon, limit in LIMITS.items():
            group = at(part, epsilon)
            yield Claim(
                f"predicted dose, {spelled(positions, statistic)}: share within {100 * limit:.0f} %",
                "",
                _setting(group, f"ε = {epsilon:g}"),
                share_within(group, limit),
                PERCENT,
            )


def _averaged(cases: pd.DataFrame) -> Iterator[Claim]:
    """The same at 1 nat, where what is odd in the coefficient cancels."""
    group = both_sides(at(cases[cases["positions"] == "all"], 1.0))
    mean = group[group["statistic"] == "mean"]
    yield Claim(
        f"predicted dose, {spelled('all', 'mean')}, both sides averaged: share within 50 %",
        "",
        _setting(mean, "ε = 1, geometric mean of the two sides"),
        share_within(mean, LIMITS[1.0]),
        PERCENT,
    )


def _half(rows: pd.DataFrame) -> Iterator[Claim]:
    """What the rule of thumb costs: the mean divergence at a change half as long as the states."""
    asked = halves(rows[(rows["positions"] == "all") & (rows["statistic"] == "mean")])
    for site, group in asked.groupby("site", sort=False):
        yield Claim(
            f"a change of half the states' length after {site}: nats, median of the mean over tokens",
            "a rule of thumb for steering: half the activation norm",
            _setting(
                group, f"from {group['half_nats'].min():.2g} to {group['half_nats'].max():.2g}"
            ),
            bootstrap.median(group["half_nats"].to_numpy(float), group["prompt_index"].to_numpy()),
            PLAIN,
        )


def spelled(positions: str, statistic: str) -> str:
    """What is changed, and which statistic is meant."""
    where = "all tokens changed" if positions == "all" else "the last token changed"
    over = {"last": "last token", "mean": "mean over tokens", "p95": "95th percentile"}
    return f"{where}, {over[statistic]}"


def _setting(group: pd.DataFrame, what: str) -> str:
    """What was measured, on how many prompts."""
    counted = f"{len(group)} doses of {group['vector'].nunique()} vectors"
    sites = ", ".join(group["site"].unique())
    return f"{sites}; {what}; {counted} on {group['prompt_index'].nunique()} prompts"
