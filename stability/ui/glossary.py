"""The words on the screen, explained to a student who meets them for the first time."""

from stability.instrument.words import words

EPSILON_HELP = """
The prediction counts as changed once its next-token probabilities differ from the original ones by
ε. The difference is the KL divergence, KL(original ‖ changed): if the original model draws the next
token, how much more surprised by it, on average, is a reader who expects the changed probabilities?
Zero is no difference at all; at 0.01 nats only a careful reader of probabilities would notice, at 1
nat often another word comes.
"""

GLOSSARY = "\n\n".join(
    f"**{title}**\n\n" + "\n".join(f"- **{word}**: {text}" for word, text in explained.items())
    for title, explained in words().items()
)
