"""Claims about radii at every site: each function takes the cases of all sites."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from stability.evaluation import bootstrap
from stability.evaluation.calibration import CLOSED_FORM
from stability.evaluation.scores import within
from stability.reproduction.claim import PERCENT, RATIO, Claim, at, setting_text


def isotropic_over_covariance(cases: pd.DataFrame) -> Iterator[Claim]:
    """Isotropic against covariance-matched directions: the ratio of geometric means at each state."""
    drawn = at(cases[cases["kind"].isin(["random", "covariance"])], 0.01)
    for _, site in drawn.groupby("site", sort=False):
        log_radii = site.assign(log_radius=np.log(site["actual"])).pivot_table(
            "log_radius", ["prompt_index", "position"], "kind"
        )
        log_radii = log_radii.dropna()
        ratios = np.exp(log_radii["random"] - log_radii["covariance"]).to_numpy()
        prompts = log_radii.index.get_level_values("prompt_index").to_numpy()
        yield Claim(
            "true radius along isotropic random directions, over covariance-matched ones (below 1: "
            "isotropic ones are more sensitive)",
            "Lee and Heimersheim 2024: isotropic directions are far less sensitive (in early layers)",
            setting_text(site, "random and covariance-matched directions, ε = 0.01"),
            bootstrap.median(ratios, prompts),
            RATIO,
        )


def closed_form_below_the_readout(cases: pd.DataFrame) -> Iterator[Claim]:
    """Shares of the closed form along the top eigendirection at each site below the readout."""
    top = at(cases[(cases["direction"] == "eig:0") & (cases["site"] != "prelogit")], 0.01)
    for name, site in top.groupby("site", sort=False):
        yield Claim(
            f"closed form at {name}: share within 10 %",
            "",
            setting_text(site, "top eigendirection, ε = 0.01"),
            within(site, CLOSED_FORM, 0.1),
            PERCENT,
        )
