"""Numbers, counts and tokens as people read them."""

import re
import unicodedata

# characters without ink, each with the mark that stands for it
WHITE_SPACE = {" ": "␣", "\n": "⏎", "\t": "⇥"}
SPACES, MARKS = "".join(WHITE_SPACE), "".join(WHITE_SPACE.values())
# printable to Python, but blank: joiners, fillers, variation selectors, the empty Braille cell
INKLESS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# Unicode's classes of text, marks and numbers that run from right to left
LEFTWARDS = ("R", "AL", "AN")
ISOLATE, END_ISOLATE = "\u2068", "\u2069"
DOTTED_CIRCLE = "\u25cc"


def digits(value: float) -> str:
    """A number to three significant digits."""
    return f"{value:#.3g}".rstrip(".")


def counted(number: int, noun: str) -> str:
    """A number of things: "1 prompt", "2,000 prompts"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def is_unicode(text: str) -> bool:
    """Whether a text has a UTF-8 form: lone surrogates have none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def printable(text: str) -> str:
    """A text with every character that leaves no ink, or governs others, as its escape."""
    return "".join(c if c.isprintable() and not INKLESS.match(c) else _escaped(c) for c in text)


def spelled(text: str) -> str:
    """A token's text with its white space, and whatever else leaves no ink, made visible.

    A mark that would combine with what stands before it is put on a dotted circle, and text that runs
    from right to left is isolated: it would reorder what stands beside it.
    """
    shown = printable(text.translate(str.maketrans(SPACES, MARKS))) or "∅"
    if unicodedata.category(shown[0]).startswith("M"):
        shown = DOTTED_CIRCLE + shown
    runs_left = any(unicodedata.bidirectional(character) in LEFTWARDS for character in shown)
    return f"{ISOLATE}{shown}{END_ISOLATE}" if runs_left else shown


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def unspelled(text: str) -> str:
    """A text with its marks `␣`, `⏎` and `⇥` turned back into the white space that they stand for."""
    return text.translate(str.maketrans(MARKS, SPACES))
