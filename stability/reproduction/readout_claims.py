"""Claims about radii at the readout: each function takes the cases there."""

from collections.abc import Iterator

import pandas as pd

from stability.curvature.direction_spec import NAMES
from stability.evaluation import bootstrap
from stability.evaluation.bracket_fractions import (
    INTERVAL,
    MEDIAN_FRACTION,
    with_median_fractions,
)
from stability.evaluation.calibration import (
    CERTIFIED_INNER,
    CLOSED_FORM,
    MOMENTS,
    PREDICTORS,
    after,
    with_calibrated,
)
from stability.evaluation.scores import errors, within
from stability.reproduction.claim import PERCENT, PLAIN, Claim, at, setting_text

GOLMANT = "Golmant 2026 (Qwen3-1.7B, Llama-3.2-1B, Pythia-1B)"


def closed_form_at_small_epsilon(readout: pd.DataFrame) -> Iterator[Claim]:
    """Errors of the closed form along the top eigendirection at the smallest `ε`."""
    cases = at(readout[readout["direction"] == "eig:0"], 0.001)
    setting = setting_text(cases, "top eigendirection, ε = 0.001")
    source = f"{GOLMANT}: within 1 % on Qwen3-1.7B, within 8 % on all three"
    median = bootstrap.median(*errors(cases, CLOSED_FORM))
    share = within(cases, CLOSED_FORM, 0.08)
    name = "closed form, small ε"
    yield Claim(f"{name}: median size of the error", source, setting, median, PERCENT)
    yield Claim(f"{name}: share within 8 %", source, setting, share, PERCENT)


def predictors_at_large_epsilon(readout: pd.DataFrame) -> Iterator[Claim]:
    """Shares of the predictors, as they are and calibrated, at 1 nat."""
    cases = with_calibrated(at(readout, 1.0))
    kinds = ", ".join(NAMES.get(kind, kind) for kind in sorted(cases["kind"].unique()))
    setting = setting_text(cases, f"directions of kinds {kinds}, ε = 1 nat")
    golmant = f"{GOLMANT}: 54 to 73 % at large ε, with one isotonic calibration"
    sources = {
        CLOSED_FORM: "",
        after(CLOSED_FORM): golmant,
        after(CERTIFIED_INNER): "",
        MOMENTS: "",
        after(MOMENTS): "",
    }
    for column, source in sources.items():
        fitted = "" if column in PREDICTORS else "; fitted to other prompts"
        share = within(cases, column, 0.5)
        yield Claim(f"{column}: share within 50 %", source, setting + fitted, share, PERCENT)


def median_fractions(readout: pd.DataFrame) -> Iterator[Claim]:
    """The gain by the median fraction of a bracket, and the coverage of its interval, at 1 nat."""
    along = "all directions, ε = 1 nat"
    cases = with_median_fractions(at(readout, 1.0))
    for column in (MOMENTS, MEDIAN_FRACTION):
        share = within(cases, column, 0.08)
        yield Claim(f"{column}: share within 8 %", "", setting_text(cases, along), share, PERCENT)
    confident = cases[cases["entropy"] < 0.3]
    subsets = {"all predictions": cases, "where entropy is below 0.3 nats": confident}
    for name, subset in subsets.items():
        inside = subset["actual"].between(subset["low"], subset["high"]).to_numpy()
        yield Claim(
            f"{MEDIAN_FRACTION}: boundaries in the {100 * INTERVAL:.0f} % interval, {name}",
            "",
            setting_text(subset, along) + "; placed by other prompts",
            bootstrap.share(inside, subset["prompt_index"].to_numpy()),
            PERCENT,
        )


def token_constraint_bound(readout: pd.DataFrame) -> Iterator[Claim]:
    """Rank correlations of the token constraint bound over positions."""
    states = at(readout, 0.01).groupby(["prompt_index", "position"], as_index=False).first()
    states = states[states["token_constraint_bound"].notna()]
    bound, prompts = (
        states[name].to_numpy() for name in ("token_constraint_bound", "prompt_index")
    )
    setting = f"prelogit, {len(states)} positions of {states['prompt_index'].nunique()} prompts"
    for quantity in ("entropy", "margin"):
        correlation = bootstrap.rank_correlation(bound, states[quantity].to_numpy(), prompts)
        name = f"rank correlation of the token constraint bound with the {quantity}"
        yield Claim(name, "", setting, correlation, PLAIN)


def skewness_and_the_nearer_side(readout: pd.DataFrame) -> Iterator[Claim]:
    """The share of lines whose boundary is nearer on the side to which the slope is skewed."""
    cases = at(readout, 0.01)
    sides = cases.pivot_table(
        ["actual", "kappa3"], ["prompt_index", "position", "direction"], "side"
    )
    plus_is_nearer = sides[("actual", 1)] < sides[("actual", -1)]
    agree = plus_is_nearer == (sides[("kappa3", 1)] > 0)
    prompts = sides.index.get_level_values("prompt_index").to_numpy()
    yield Claim(
        "the boundary is nearer on the side to which κ₃ skews",
        "",
        setting_text(cases, "all directions, ε = 0.01"),
        bootstrap.share(agree.to_numpy(bool), prompts),
        PERCENT,
    )
