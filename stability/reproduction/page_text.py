"""The prose of the page of results, with places for its figures and numbers."""

from stability.reproduction.claim import Claim

CLAIM_HEAD = "| quantity | measured | the source says | setting |\n|---|---|---|---|"
HEAD = """# Does the formula hold?

The closed form `r = sqrt(2ε / vᵀHv)` is compared with the true boundary of the stable region, on the
packaged models and the prompts in `stability/reproduction/prompts`. All figures and numbers here are
written by

    python -m stability reproduce --measure DIR --page PAGE

from the measurements in `stability/reproduction/results`: a row for each side of a direction at an ε,
with the columns that `stability/sweeps/measurement.py` explains. At the readout, two positions of every
prompt are measured along {directions}:
eigendirections from 0, isotropic random ones, ones drawn from the covariance of the
model's own states, and ones from the most likely token to those after it. Below the readout there are
fewer prompts and directions, and boundaries that are not reached within five norms of the vector are
left out; each line states its number of radii. Intervals are 95 % bootstrap intervals over prompts.
"Calibrated" means corrected by an isotonic fit to *other* prompts. The error of a radius is
predicted/actual − 1.
"""
SCATTER = """
![Actual over predicted radius for three predictors]({figure})

ε = 1 nat, where the closed form is worst. The closed form (left) is wrong by factors where rare tokens
take over. The certified inner radius (middle) also uses the steepest slope; it errs to one side only,
which calibration corrects. Four moments and both extreme slopes (right) leave little to calibrate:
among all distributions of the slope with these moments and extremes, two bound the boundary from below
and above, and the geometric mean of that bracket is drawn. In {token:.0%} of these cases the outer end
is nearer than by the moments alone: the lines log p_j + t·a_c,j of single tokens bound the divergence
from below, and need no exponential either.

"Placed" adds measurements of other prompts: the median position of the boundary in the {n} of their
brackets that are nearest in width, and an interval that holds 90 % of their boundaries.
"""
DETAILS = """<details>
<summary>By site, and at the readout by direction and entropy (ε = 1 nat)</summary>
"""
BREAKS = """
{figures}

The closed form breaks where a prediction is nearly certain (first figure). The second figure orders the
same cases by the next term of the series, κ₃ r/(6κ₂): that term is the error, unless a later one takes
over, as happens at large ε. The third figure shows the cause. Its horizontal axis is r·max a_c, the
most that any token gains in log weight up to the predicted radius. Where that is several nats, some
token, however rare, outgrows its part in the curvature, and the boundary is nearer than predicted: from
two nats on, the lines of all ε but the largest are within a factor of about two. Where no token gains
much for so large an ε (left), the divergence saturates instead, and the closed form is too short.
"""
DOSE_HEAD = """
# How strong may a steering vector be?

A steering vector `v` is added to the states that leave a block, times a coefficient `c`: at every token
of a text, or at the last. The closed form `c = sqrt(2ε / I)` with `I = Var_p(dz/dc)` is compared with
the coefficients at which the divergence of the prediction truly first reaches ε, on either side, found
by whole passes to a thousandth. The divergence is KL(original ‖ changed) of the next token: of the last
token, in the mean over tokens, or at the 95th percentile of tokens (the first token left out). Every
24th prompt is read, one of each kind, its first ten words. Two vectors are added after an early block,
the middle one and a late one: the mean difference of the states of eight pairs of sentences
(`stability/reproduction/prompts/pairs.jsonl`), and a random vector of the same length. The rows are in
`stability/reproduction/results/*-doses.parquet`, with the columns that `stability/sweeps/doses.py`
explains; `python -m stability reproduce --only doses --measure DIR` measures them again.

A budget in nats bounds how much the next prediction changes. It says nothing of a text's quality.
"""
DOSES_MISSING = """
## {model}: doses

Not measured yet: `python -m stability reproduce --only doses --models {model} --measure DIR` does.
"""
DOSE_BREAKS = """
![Predicted over actual dose by ε, statistic and block]({ratios})

The closed form errs least where a budget is over many tokens: those for which it is too short and
those for which it is too long cancel in part. For a single token it is wrong by factors at 1 nat. Two
things go with its error. One is odd in the coefficient: on one side the divergence grows faster than on
the other, which no parabola does ("sides apart by"; it cancels in the mean of the two sides). The other
is the length of the change: the longer it is, the more does the closed form promise. Where it takes a
change longer than the states themselves, as at the last token alone after an early block, the blocks
above are given a state unlike the text's, of which no derivative at c = 0 knows, and the true dose is
smaller. There, ask for the true one.

![What a change of half the states' length costs]({half})

The rule of thumb "half the activation norm" fixes the length of the change instead. The figure shows
the mean divergence over all tokens that it costs, on either side, with all tokens changed: it differs
several times between texts and between blocks, and no length is safe for all of them.
"""


def claim_row(claim: Claim) -> str:
    """A claim as a row of a table under `CLAIM_HEAD`."""
    return f"| {claim.quantity} | **{claim.value}** | {claim.source or '–'} | {claim.setting} |"
