"""Prompts that teach something, each with what to look at; no torch is needed to know them."""

from dataclasses import dataclass

from stability.defaults import MODELS


@dataclass(frozen=True)
class Example:
    """A prompt, and what its picture shows on the default model along the first eigendirection."""

    prompt: str
    look_at: str


EXAMPLES = {
    "a sure fact": Example(
        "The capital of France is",
        "raise ε towards 1 nat. The blue curve leaves the dashed parabola, above it on one side and "
        "below it on the other, and ␣the takes over from ␣Paris before the region ends.",
    ),
    "an open story": Example(
        "Once upon a time, there was a little girl named",
        "many names share the probability, and yet the prediction stays the same for longer than "
        "after a sure fact: to be undecided is not to be easily moved.",
    ),
    "code": Example(
        "def fibonacci(n):\n    if n <",
        "one token has nearly all the probability. Pushed one way it loses it soon, pushed the other "
        "it has nothing left to gain: no formula that is the same on both sides can say both.",
    ),
    "a near-tie": Example(
        "He flipped the coin and it came up",
        "␣heads and ␣tails are almost as likely. A push of a fifth of the stable radius swaps them: "
        "another most likely token need not be another prediction.",
    ),
    "a bracket that must close": Example(
        "f(x) = (a + b) * (c - d",
        "the bracket closes either way, as ) or as ), before more. On the − side the second takes "
        "over; on the + side no token ever does, however far the vector is pushed.",
    ),
}


def look_at(prompt: str, model: str, rank: int | None) -> str | None:
    """What to look at in the picture of an example; None for another prompt, model or direction.

    `rank` is that of the eigendirection that the vector is pushed along, from 0.
    """
    if model != MODELS[0] or rank != 0:
        return None
    notes = {example.prompt: example.look_at for example in EXAMPLES.values()}
    return notes.get(prompt)
