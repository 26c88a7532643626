"""Time and accuracy of every fast path, beside plain ways to compute the same result."""

SUITES = ("spectrum", "ray", "region", "map", "depth", "dose", "threads", "scaling")
# tokens of the prompt that are measured below the readout
DEEP_TOKENS = 32
PROMPT = (
    "Once upon a time there was a little girl named Lily, who lived in a small house near the "
    "forest. One day she went to the river to fetch water, and on her way she met an old man. "
    "The capital of France is Paris, and 12 * 7 = 84; def square(n): return n"
)
# leaves the default model more open than any place in the other
OPEN_PROMPT = "Le chat est assis sur la"
