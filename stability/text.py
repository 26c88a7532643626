"""Numbers, counts and tokens as people read them."""

import re
import unicodedata
from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import groupby

# characters without ink, each with the mark that stands for it
WHITE_SPACE = {" ": "␣", "\n": "⏎", "\t": "⇥"}
SPACES, MARKS = "".join(WHITE_SPACE), "".join(WHITE_SPACE.values())
# tokens that are parts of characters, as models spell them
PARTS = re.compile("(?:⟨(?:[0-9A-F]{2})+⟩)+")
LONG_RUN = re.compile(f"([{MARKS}])\\1{{8,}}")
# printable to Python, but blank: joiners, fillers, variation selectors, the empty Braille cell
INKLESS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
# Unicode's classes of text, marks and numbers that run from right to left
LEFTWARDS = ("R", "AL", "AN")
# the characters between which a text is set apart from its surroundings
ISOLATES = "\u2068\u2069"
DOTTED_CIRCLE = "\u25cc"


def digits(value: float) -> str:
    """A number to three significant digits."""
    return f"{value:#.3g}".rstrip(".")


def in_bytes(size: int) -> str:
    """A size in memory or on a disk: "93 MB", "2.4 GB"; what is small counts as one megabyte."""
    if size < 1e9:
        return f"{max(size / 1e6, 1):.0f} MB"
    return f"{size / 1e9:.1f} GB" if size < 1e10 else f"{size / 1e9:.0f} GB"


def counted(number: int, noun: str) -> str:
    """A number of things: "1 prompt", "2,000 prompts"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def repeated(things: Sequence[Hashable], noun: str) -> tuple[str, ...]:
    """The sentence that some of a list stand there before; none where all are different."""
    count = len(things) - len(set(things))
    said = f"{counted(count, noun)} repeated: each counts as often as it is given."
    return (said,) if count else ()


def in_nats(amount: str) -> str:
    """An amount of nats as it is written: "1 nat", "0.1 nats"."""
    return f"{amount} {'nat' if amount == '1' else 'nats'}"


def is_unicode(text: str) -> bool:
    """Whether a text has a UTF-8 form: lone surrogates have none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def printable(text: str) -> str:
    """A text with every character that leaves no ink, or governs others, as its escape.

    But for those that isolate a part of it.
    """
    # nearly every text is as it should be, and whole texts are asked a hundred times as fast
    if text.isprintable() and not INKLESS.search(text):
        return text
    return "".join(_escaped(c) if _is_inkless(c) and c not in ISOLATES else c for c in text)


def isolated(text: str) -> str:
    """A text set apart if any of it runs from right to left: it would reorder what stands beside it."""
    runs_left = any(unicodedata.bidirectional(character) in LEFTWARDS for character in text)
    return text.join(ISOLATES) if runs_left else text


def spelled(text: str, longest: int | None = None) -> str:
    """A token's text with its white space, and whatever else leaves no ink, made visible.

    Long white space is counted: `␣×128`. A mark that would combine with what stands before it is put on
    a dotted circle. With `longest`, "…" stands for what would not fit.
    """
    # a token may be one of the marks itself
    marked = (
        WHITE_SPACE.get(c) or (_escaped(c) if c in MARKS or _is_inkless(c) else c) for c in text
    )
    shown = LONG_RUN.sub(lambda run: f"{run[1]}×{len(run[0])}", "".join(marked)) or "∅"
    if unicodedata.category(shown[0]).startswith("M"):
        shown = DOTTED_CIRCLE + shown
    if longest is not None and len(shown) > longest:
        shown = f"{shown[: longest - 1]}…"
    return isolated(shown)


def _is_inkless(character: str) -> bool:
    return not character.isprintable() or INKLESS.match(character) is not None


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()


def whole(text: str) -> str:
    """A text of tokens with parts of characters, `⟨E7⟩⟨8C⟩⟨AB⟩`, joined where they make whole ones."""
    return PARTS.sub(_joined, text)


def _joined(parts: re.Match[str]) -> str:
    try:
        return bytes.fromhex(re.sub("[⟨⟩]", "", parts[0])).decode()
    except UnicodeDecodeError:
        return parts[0]


def spelled_all(texts: Sequence[str], longest: int | None = None) -> list[str]:
    """Tokens that follow each other, each spelled; parts of a character name it: "part of 🍕"."""
    names = []
    for are_parts, run in groupby(texts, lambda text: PARTS.fullmatch(text) is not None):
        several = [*run]
        names += (
            _named_parts(several) if are_parts else [spelled(text, longest) for text in several]
        )
    return names


def _named_parts(parts: list[str]) -> list[str]:
    """The characters that tokens in hexadecimal digits are made of; as they are if it is not whole."""
    pieces = [bytes.fromhex(re.sub("[⟨⟩]", "", part)) for part in parts]
    try:
        characters = b"".join(pieces).decode()
    except UnicodeDecodeError:
        return parts
    owners = [i for i, c in enumerate(characters) for _ in range(len(c.encode()))]
    lengths = Counter(owners)
    names, start = [], 0
    for piece in pieces:
        held = Counter(owners[start : start + len(piece)])
        start += len(piece)
        names.append(
            "".join(
                ("" if count == lengths[i] else "part of ") + spelled(characters[i])
                for i, count in held.items()
            )
        )
    return names


def unspelled(text: str) -> str:
    """A text with its marks `␣`, `⏎` and `⇥` turned back into the white space that they stand for."""
    return text.translate(str.maketrans(MARKS, SPACES))
