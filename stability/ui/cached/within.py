"""A choice held to what there is, with a sentence where it had to be changed."""

from stability.geometry.analysis import Analysis
from stability.ui.choice import Choice


def position_within(position: int, last: int) -> tuple[int, tuple[str, ...]]:
    """A position among those there are, and a sentence where it had to be changed."""
    if -last - 1 <= position <= last:
        return position % (last + 1), ()
    note = f"The position must be from 0 to {last}; received {position}: the last token is shown."
    return last, (note,)


def second_within(choice: Choice, analysis: Analysis) -> tuple[int, tuple[str, ...]]:
    """The rank of the plane's eigendirection, another than the ray's own, and such a sentence."""
    rank, count = analysis.direction.rank, len(analysis.spectrum.eigenvalues)
    other = 1 if rank == 0 else 0
    if choice.second is None or choice.second == rank:
        return other, ()
    if choice.second < count:
        return choice.second, ()
    note = (
        f"The plane's eigendirection must be from 0 to {count - 1} here; received {choice.second}: "
        f"{other} is shown."
    )
    return other, (note,)
