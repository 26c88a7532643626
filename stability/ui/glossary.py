"""The words on the screen, explained to a student who meets them for the first time."""

from stability.instrument.words import words

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

GLOSSARY = "\n\n".join(
    f"**{title}**\n\n" + "\n".join(f"- **{word}**: {text}" for word, text in explained.items())
    for title, explained in words().items()
)
