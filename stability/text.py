"""Numbers, counts and tokens as people read them."""


def digits(value: float) -> str:
    """A number to three significant digits."""
    return f"{value:#.3g}".rstrip(".")


def counted(number: int, noun: str) -> str:
    """A number of things: "1 prompt", "2,000 prompts"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def spelled(text: str) -> str:
    """A token's text with its white space, and whatever else leaves no ink, made visible."""
    shown = text.translate(str.maketrans("\n\t ", "⏎⇥␣"))
    characters = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown)
    return "".join(characters) or "∅"
