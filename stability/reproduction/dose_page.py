"""The part of the page of results about doses of steering vectors."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from stability.evaluation import bootstrap
from stability.evaluation.dose_scores import (
    both_sides,
    dose_cases,
    dose_rows,
    halves,
    share_within,
    typical_factor,
)
from stability.figures.doses import half_figure, ratios_figure
from stability.figures.style import save
from stability.reproduction.claim import Claim, at
from stability.reproduction.dose_claims import spelled
from stability.reproduction.page_text import CLAIM_HEAD, DOSE_BREAKS, claim_row

PARTS = (0.25, 0.5, 1.0)  # of the states' length: edges of bands of the change's
LENGTHS = "The last token's dose at 1 nat, where all tokens are changed and where it alone is:\n"


def dose_text(model: str, table: pa.Table, claims: Sequence[Claim]) -> str:
    """A model's section on doses."""
    cases, rows = dose_cases(table), dose_rows(table)
    without = int(rows["actual"].isna().sum())
    return "\n".join(
        [
            f"\n## {model}: doses\n",
            f"{rows['revision'].iloc[0]}, {rows['dtype'].iloc[0]}; {rows['prompt_index'].nunique()} "
            f"prompts, seed {rows['seed'].iloc[0]}; {len(rows)} doses. Left out "
            f"of the shares: {without} without a true dose, as it is not reached before the change is "
            "five times as long as the states, or rounding hides it.\n",
            CLAIM_HEAD,
            *map(claim_row, claims),
            "",
            *_by_statistic(cases),
            "",
            LENGTHS,
            *_by_length(at(cases[cases["statistic"] == "last"], 1.0)),
            DOSE_BREAKS.format(ratios=f"{model}-doses.png", half=f"{model}-half.png"),
        ]
    )


def save_dose_figures(folder: Path, model: str, table: pa.Table) -> None:
    """Draw the figures of a model's doses into a folder."""
    everywhere = dose_cases(table).query("positions == 'all'")
    save(ratios_figure(everywhere), folder / f"{model}-doses.png", scale=1.5)
    asked = halves(dose_rows(table).query("positions == 'all' and statistic == 'mean'"))
    save(half_figure(asked), folder / f"{model}-half.png", scale=1.5)


def _by_statistic(cases: pd.DataFrame) -> Iterator[str]:
    """Quantiles of predicted over actual doses, for every statistic at every `ε`, and what is odd."""
    yield (
        "| predicted over actual dose | ε (nats) | n | median | 5 % to 95 % | within 50 % | "
        "both sides off by | sides apart by |"
    )
    yield "|---" * 8 + "|"
    by = ["positions", "statistic", "epsilon"]
    together = dict(iter(both_sides(cases).groupby(by)))
    for key, group in cases.groupby(by):
        positions, statistic, epsilon = key
        low, high = group["ratio"].quantile([0.05, 0.95])
        median = bootstrap.median(group["ratio"].to_numpy(float), group["prompt_index"].to_numpy())
        yield (
            f"| {spelled(positions, statistic)} | {epsilon:g} | {len(group)} | {median.spelled('')} | "
            f"{low:.2f} to {high:.2f} | {share_within(group, 0.5).spelled()} | "
            f"{typical_factor(together[key]['even']):.2f} × | "
            f"{typical_factor(together[key]['odd']):.2f} × |"
        )


def _by_length(cases: pd.DataFrame) -> Iterator[str]:
    """Predicted over actual doses over bands of how long the change at the predicted dose is."""
    yield "| length of the change at the predicted dose, over the states' | n | median | 5 % to 95 % |"
    yield "|---|---|---|---|"
    bands = pd.cut(cases["part"], [0, *PARTS, float("inf")])
    for band, group in cases.groupby(bands, observed=True):
        low, median, high = group["ratio"].quantile([0.05, 0.5, 0.95])
        name = (
            f"above {band.left:g}"
            if band.right == float("inf")
            else f"{band.left:g} to {band.right:g}"
        )
        yield f"| {name} | {len(group)} | {median:.2f} | {low:.2f} to {high:.2f} |"
