"""Contrast pairs as text, a pair a line, and those that the app begins with; no torch is needed."""

from stability.errors import StabilityError

Pairs = tuple[tuple[str, ...], tuple[str, ...]]
BETWEEN = "|"
MOST_PAIRS = 200
# our own sentences: a mood, in the same words as far as that goes
EXAMPLE = """\
I woke up happy, and the day went | I woke up sad, and the day went
She opened the letter and laughed with joy, because | She opened the letter and wept with grief, because
It was the best meal that I have ever had, and | It was the worst meal that I have ever had, and
The children were delighted with the garden, which | \
The children were disappointed with the garden, which
What a wonderful morning, he thought, and | What a miserable morning, he thought, and
They were full of hope about the journey, and | They were full of dread about the journey, and
The film was lovely, and I told my friends | The film was dreadful, and I told my friends
My neighbour is kind and cheerful, so | My neighbour is cruel and bitter, so"""


def read_pairs(text: str) -> Pairs:
    """Read contrast pairs, `positive | negative` in each line.

    Args:
        text: lines; empty ones are left out.

    Returns:
        The positive texts, and the negative ones in the same order.

    Raises:
        StabilityError: a line is no pair, or there is none, or too many.

    >>> read_pairs("I love it | I hate it")
    (('I love it',), ('I hate it',))
    """
    lines = [(i, line) for i, line in enumerate(text.splitlines(), start=1) if line.strip()]
    pairs = [(i, [part.strip() for part in line.split(BETWEEN)]) for i, line in lines]
    if not 0 < len(pairs) <= MOST_PAIRS:
        raise StabilityError(
            f"Contrast pairs must be 1 to {MOST_PAIRS} lines; received {len(pairs)}: write each as "
            "positive | negative."
        )
    for i, parts in pairs:
        if len(parts) != 2 or not all(parts):
            raise StabilityError(
                f"A line of pairs must hold two texts with one {BETWEEN} between them; line {i} holds "
                f"{sum(map(bool, parts))}: write it as positive {BETWEEN} negative."
            )
    positive, negative = zip(*(parts for _, parts in pairs), strict=True)
    return positive, negative
