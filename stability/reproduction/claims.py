"""All claims of the sources and of this project, each measured on the results of a model."""

import pyarrow as pa

from stability.evaluation.calibration import cases
from stability.reproduction import depth_claims, readout_claims
from stability.reproduction.claim import Claim

AT_THE_READOUT = (
    readout_claims.closed_form_at_small_epsilon,
    readout_claims.predictors_at_large_epsilon,
    readout_claims.median_fractions,
    readout_claims.token_constraint_bound,
    readout_claims.skewness_and_the_nearer_side,
)
AT_EVERY_SITE = (
    depth_claims.isotropic_over_covariance,
    depth_claims.closed_form_below_the_readout,
)


def measured_claims(table: pa.Table) -> list[Claim]:
    """Every claim, measured on the rows of one model."""
    all_cases = cases(table)
    readout = all_cases[all_cases["site"] == "prelogit"]
    return [
        *(claim for claims in AT_THE_READOUT for claim in claims(readout)),
        *(claim for claims in AT_EVERY_SITE for claim in claims(all_cases)),
    ]
