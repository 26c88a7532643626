"""What a picture still shows while something else has been asked for, in words."""

from stability.ui.choice import Choice

# the parts of a choice by their names, those first of which all others are
PARTS = {
    "model": "model",
    "prompt": "prompt",
    "position": "token",
    "direction": "direction",
    "second": "plane",
}


def still(shown: Choice | None, asked: Choice) -> dict[str, str]:
    """What a status says of a picture that is not of what has been asked for."""
    said = shown and _difference(shown, asked)
    return {"still": said} if said else {}


def _difference(shown: Choice, asked: Choice) -> str | None:
    """A sentence that names a part of two choices in which they differ; None where they do not."""
    if shown.model == asked.model and shown.site != asked.site:
        return f"The picture is that of {shown.site} until {asked.site} is there."
    for part, name in PARTS.items():
        if getattr(shown, part) != getattr(asked, part):
            return f"The picture is that of the last {name} until the new one is there."
    return None
