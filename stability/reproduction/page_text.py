"""The prose of the page of results, with places for its figures and numbers."""

HEAD = """# Does the formula hold?

The closed form `r = sqrt(2ε / vᵀHv)` against the true boundary of the stable region, on the packaged
models and the prompts in `stability/reproduction/prompts`. Everything here, figures and numbers, is
written by

    python -m stability reproduce --measure DIR --page PAGE

from the measurements in `stability/reproduction/results` (a row a side of a direction at an ε; the
columns are explained in `stability/sweeps/measurement.py`). At the readout two positions of every
prompt are looked at along {directions}:
eigendirections from 0, isotropic random ones, ones drawn from the covariance of the
model's own states, and ones from the most likely token to those after it. Below the readout, it is
fewer prompts and directions, and boundaries that are not reached within five norms of the vector are
left out; each line says how many radii it is about. Intervals are 95 % bootstrap intervals over
prompts; "calibrated" means by an isotonic fit to *other* prompts. The error of a radius is
predicted/actual − 1.
"""
SCATTER = """
![Actual over predicted radius for three predictors]({figure})

ε = 1 nat, where the closed form is worst: it (left) misses by factors where rare tokens take over. The
certified inner radius (middle) knows the steepest slope as well, and errs to one side, so that it
calibrates. Four moments and both extreme slopes (right) leave little to calibrate: of all laws with
these moments and ends, two extreme ones bracket the boundary, and the geometric mean of the bracket is
drawn. In {token:.0%} of these cases the outer end is nearer than by the moments alone, since the lines
log p_j + t·a_c,j of single tokens bound the divergence from below; they need no exponential either.

"Placed" adds what other prompts tell: the median place of the boundary in the {n} of their brackets
that are most nearly as wide, and an interval that holds 90 % of theirs.
"""
DETAILS = """<details>
<summary>By site, and at the readout by direction and entropy (ε = 1 nat)</summary>
"""
BREAKS = """
{figures}

Where the closed form breaks: predictions that are nearly certain (first figure). The second orders the
same cases by the next term of the series, κ₃ r/(6κ₂): as long as no later term takes over, which it
does at large ε, that term is the error. The third tells why. Across is r·max a_c, what the token that
gains most would gain in log weight up to the predicted radius. Where that is several nats, some token,
however rare, outgrows what the curvature knows of it, and the boundary is nearer than predicted: from
two nats on the lines of all ε but the largest are within a factor of about two. Where no token gains
much for so large an ε, on the left, the divergence saturates instead, and the closed form is too short.
"""
