"""What the Depth page's link names, and what the page begins with."""

from stability.ui.choice import MOST_BLOCKS
from stability.ui.link import Page
from stability.ui.link_fields import budget, flag, number, one_of, text
from stability.ui.prompt_link import PROMPT

PROMPT_B, PROMPT_C = "Once upon a time there was a", "2 + 2 ="
# block that is looked at first, where there are as many
FIRST_BLOCK = 5
# tokens that are written at most, and at first
LONGEST_CONTINUATION, FIRST_LENGTH = 40, 24
SECTIONS = ("all tokens", "one token", "what it would write", "between prompts")
PAGE = Page(
    "Depth",
    (
        *PROMPT,
        budget(),
        flag("relative"),
        one_of("section", SECTIONS),
        text("prompt_b", PROMPT_B),
        text("prompt_c", PROMPT_C),
        number("interpolation_block", FIRST_BLOCK, 0, MOST_BLOCKS - 1),
        text("write_site", ""),
        number("write_rank", 1, 1, 16),
        number("write_t", 0.0, -1e6, 1e6),
        number("write_n", FIRST_LENGTH, 5, LONGEST_CONTINUATION),
    ),
)
