"""What the Dose page begins with; no torch is needed to know it."""

from stability.defaults import MODELS
from stability.steering.pairs import EXAMPLE

PROMPT = (
    "I went to the market this morning because I wanted to buy some fresh fruit, and the man behind "
    "the counter told me"
)
PAIRS = EXAMPLE
# blocks of the first model, known before it is loaded
BLOCKS = {MODELS[0]: 30}


def middle(blocks: int) -> int:
    """The block after which vectors are measured first."""
    return blocks // 2
