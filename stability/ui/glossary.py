"""The words on the screen, explained to a student who meets them for the first time."""

EPSILON_HELP = """
The prediction counts as changed once its next-token probabilities differ from the original ones by
ε. The difference is the KL divergence, KL(original ‖ changed): if the original model draws the next
token, how much more surprised by it, on average, is a reader who expects the changed probabilities?
Zero is no difference at all; at 0.01 nats only a careful reader of probabilities would notice, at 1
nat often another word comes.
"""

CALIBRATION_WORDS = """
**How well the formula holds**

- **within 8 %**: the share of radii that are off by no more than 8 % of the true one, predicted /
  actual − 1. **Median error**: half of the radii are off by less.
- **certified inner radius**: the inner end of the certified interval, taken as a prediction. It
  knows the steepest slope of a logit too.
- **four moments**: a tighter interval that is also proved to hold the boundary, from the curvature,
  κ₃, κ₄, the two steepest slopes of the logits and bounds from single tokens. Its geometric mean is
  the prediction. **Placed**: instead of the mean, the place in such intervals where the boundaries
  of other prompts lie.
- **isotonic** calibration: the curve that always rises and lies nearest to the measured boundaries,
  of other prompts than those it is judged on. It turns a predicted radius into a calibrated one.
- **interval** in brackets: prompts are drawn again, with repetitions, 400 times; 95 % of the results
  lie in it.
- **rank correlation**: 1 where two numbers put the predictions in the same order, −1 in the opposite
  one, 0 where one says nothing of the other.
- **isotropic**: drawn without a preferred direction, as *random* ones are.

"""

GLOSSARY = """
**What is pushed**

- **token**: a piece of text, often a word with the space before it (␣Paris). The model reads
  tokens, and gives each possible next token a probability. Some are parts of a character (part of
  🍕), which other tokens complete; where it is not known which, ⟨F09F⟩ gives their bytes.
- **logits**: one number for each possible next token; their exponentials, scaled to sum to one, are
  the probabilities.
- **vector**: the list of numbers inside the model that is pushed. At the site *prelogit* it is the
  one that the unembedding multiplies to get the logits; at *final*, the residual stream before the
  final norm; at a *block*, the residual stream leaving that block. Lengths are in the vector's own
  coordinates, or in per cent of its norm ‖vector‖, its length. Lengths at different sites cannot be
  compared: they may differ a hundredfold.
- **H**, the Hessian: the matrix that says how fast the prediction changes along every direction.
  Pushed by t along a unit direction v, it changes by KL ≈ ½ t² vᵀHv, and vᵀHv is the **curvature**
  along v.
- **eigendirection**: a direction in which H only stretches; they stand at right angles to each
  other. Its **eigenvalue** is the curvature along it. Eigendirection 1 has the largest: no
  direction changes the prediction faster.
- **trace**: the sum of all eigenvalues of H, the total curvature. **Effective rank**: how many
  eigendirections share it, as if equally: the exponential of the entropy of all eigenvalues, as
  shares. Only the largest are computed, so it is given as “at least” (≥).
- **seed**: the number from which a random direction is drawn; the same seed gives the same
  direction.
- **covariance-matched**: a random direction drawn with the covariance of the model's own vectors,
  so that it points more often where they vary much. A plain random direction prefers none.

**How far**

- **nat**: the unit of KL, entropy and logits, by natural logarithms; one nat is 1.44 bits.
- **KL**: the size of a change of the prediction. If the original model draws the next token,
  KL(original ‖ changed) is how much more surprised by it, on average, a reader is who expects the
  changed probabilities.
- **ε**: the KL at which the prediction counts as changed. **Stable region**: all changes of the
  vector that keep KL below ε. **Boundary**: its edge along a direction, at another distance on the
  − side than on the + side. At *final* and at blocks, and where a model soft-caps its logits, it
  is the first place where KL reaches ε, which may never happen.
- **closed form**, predicted r: √(2ε / vᵀHv), the distance at which ½ t² vᵀHv reaches ε. It is an
  approximation: the numbers called *actual* are the truth.
- **trust range**: how far along the line ½ t² vᵀHv stays within 10 % of the true KL.
- **certified**: an interval that is proved to hold the boundary, from the curvature and the two
  steepest slopes of the logits, without searching for it. The **certified ball** is proved for all
  directions at once: no shorter push changes the prediction by more than ε.
- **calibrated**: where the boundary probably lies, judged by other prompts. It starts from a
  tighter interval that is also proved to hold the boundary. Among the boundaries measured for the
  page *Calibration*, the 200 with intervals most nearly as wide show where in theirs boundaries
  lie: the middle one of them gives the number, and nine in ten lie in the range behind it (only
  some seven in ten where the prediction is nearly certain).
- **κ₂, κ₃, κ₄**: the terms of the series KL = κ₂t²/2 + κ₃t³/6 + κ₄t⁴/24 + …, cumulants of the
  slopes of the logits; κ₂ is the curvature, and κ₃ makes the two sides differ.

**Which token**

- **entropy**: how open the prediction is: 0 nats where one token is certain, more where many are
  likely.
- **margin**: the gap between the two largest logits; the most likely token is e to the margin times
  as likely as the second.
- **flip**: a place where another token becomes the most likely one. **Nearest flip**: the shortest
  push of all directions that gets there.
- **token constraint bound**: a length that ranks predictions by how hard their probabilities are to
  move, the larger the harder (Liu et al., 2026). No boundary lies there.
"""
