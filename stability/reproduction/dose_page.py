"""The part of the page of results about doses of steering vectors."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from stability.evaluation import bootstrap
from stability.evaluation.dose_scores import dose_cases, dose_rows, halves, share_within
from stability.figures.doses import half_figure, ratios_figure
from stability.figures.style import save
from stability.reproduction.claim import Claim
from stability.reproduction.dose_claims import spelled
from stability.reproduction.page_text import CLAIM_HEAD, DOSE_BREAKS, claim_row

PARTS = (0.1, 0.25, 0.5, 1.0)  # of the states' length: edges of bands of the change's


def dose_text(model: str, table: pa.Table, claims: Sequence[Claim]) -> str:
    """A model's section on doses."""
    cases, rows = dose_cases(table), dose_rows(table)
    reached = rows["actual"].notna().mean()
    return "\n".join(
        [
            f"\n## {model}: doses\n",
            f"{rows['revision'].iloc[0]}, {rows['dtype'].iloc[0]}; {rows['prompt_index'].nunique()} "
            f"prompts, seed {rows['seed'].iloc[0]}, {len(rows)} doses, of which {reached:.1%} are "
            "reached before the change is five times as long as the states.\n",
            CLAIM_HEAD,
            *map(claim_row, claims),
            "",
            *_by_statistic(cases),
            "",
            *_by_length(cases[(cases["positions"] == "all") & (cases["statistic"] == "mean")]),
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
    """Quantiles of predicted over actual doses, for every statistic at every `ε`."""
    yield "| predicted over actual dose | ε (nats) | n | median | 5 % to 95 % | within 50 % |"
    yield "|---|---|---|---|---|---|"
    by = ["positions", "statistic", "epsilon"]
    for (positions, statistic, epsilon), group in cases.groupby(by, sort=True):
        low, high = group["ratio"].quantile([0.05, 0.95])
        median = bootstrap.median(group["ratio"].to_numpy(), group["prompt_index"].to_numpy())
        yield (
            f"| {spelled(positions, statistic)} | {epsilon:g} | {len(group)} | {median.spelled('')} | "
            f"{low:.2f} to {high:.2f} | {share_within(group, 0.5).spelled()} |"
        )


def _by_length(cases: pd.DataFrame) -> Iterator[str]:
    """The same over bands of how long the change at the predicted dose is, against the states."""
    yield "| length of the change at the predicted dose, over the states' | n | median | 5 % to 95 % |"
    yield "|---|---|---|---|"
    bands = pd.cut(cases["part"], [0, *PARTS, float("inf")])
    for band, group in cases.groupby(bands, observed=True):
        low, median, high = group["ratio"].quantile([0.05, 0.5, 0.95])
        end = "" if band.right == float("inf") else f" to {band.right:g}"
        yield f"| {band.left:g}{end} | {len(group)} | {median:.2f} | {low:.2f} to {high:.2f} |"
