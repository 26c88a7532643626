"""The words on the screen with their explanations, which the scripts hold."""

import json

from stability.instrument.bundle import script


def words() -> dict[str, dict[str, str]]:
    """The explanation of every word, by heading.

    >>> words()["How far"]["nat"].split(":")[0]
    'The unit of KL and entropy, as metres are of length'
    """
    source = script("words.js")
    explained: dict[str, dict[str, str]] = json.loads(
        source[source.index("{") : source.rindex("}") + 1]
    )
    return explained
