"""Numbers, counts and tokens as people read them."""

# characters without ink, each with the mark that stands for it
WHITE_SPACE = {" ": "␣", "\n": "⏎", "\t": "⇥"}
SPACES, MARKS = "".join(WHITE_SPACE), "".join(WHITE_SPACE.values())


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


def spelled(text: str) -> str:
    """A token's text with its white space, and whatever else leaves no ink, made visible."""
    shown = text.translate(str.maketrans(SPACES, MARKS))
    characters = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)
    return "".join(characters) or "∅"


def unspelled(text: str) -> str:
    """A text with its marks `␣`, `⏎` and `⇥` turned back into the white space that they stand for."""
    return text.translate(str.maketrans(MARKS, SPACES))
