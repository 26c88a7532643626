"""Times by the size of the vocabulary, the width of the state, and the length of the prompt."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from stability.bench.ray import explore_ray
from stability.bench.region import explore_region
from stability.bench.spectrum import EIGENPAIRS
from stability.bench.timing import Method, median_seconds
from stability.curvature.spectrum import spectrum
from stability.geometry.token_map import token_map
from stability.prediction.provenance import ModelCard, Token
from stability.prediction.readout import Readout
from stability.prediction.state import State
from stability.views.region import GRID

VOCABULARIES = (8192, 16384, 32768, 65536, 131072)
WIDTHS = (128, 256, 512, 1024, 2048)
LENGTHS = (4, 8, 16, 32, 64)
# of the readouts whose other size grows
FIXED_VOCABULARY, FIXED_WIDTH = 32768, 512


@dataclass(frozen=True)
class Growth:
    """The median seconds of one task at the sizes of one axis."""

    axis: str
    task: str
    sizes: tuple[int, ...]
    seconds: tuple[float, ...]


def growths(states: Sequence[State]) -> Iterator[Growth]:
    """Time tasks at random readouts of growing size, and the map on growing parts of a prompt."""
    yield from _by_size("vocabulary", VOCABULARIES, lambda V: synthetic(V, FIXED_WIDTH))
    yield from _by_size("width", WIDTHS, lambda d: synthetic(FIXED_VOCABULARY, d))
    lengths = tuple(n for n in LENGTHS if n <= len(states))
    seconds = [median_seconds({"": Method(partial(token_map, states[:n]))})[""] for n in lengths]
    yield Growth("prompt length", "map of all tokens", lengths, tuple(seconds))


def _by_size(axis: str, sizes: Sequence[int], make: Callable[[int], State]) -> Iterator[Growth]:
    times = [median_seconds(_tasks(make(size))) for size in sizes]
    for task in times[0]:
        yield Growth(axis, task, tuple(sizes), tuple(time[task] for time in times))


def _tasks(state: State) -> dict[str, Method]:
    vectors = spectrum(state, 2).vectors
    axis = np.linspace(-0.1, 0.1, GRID)
    return {
        f"{EIGENPAIRS} eigenpairs": Method(lambda: spectrum(state, EIGENPAIRS)),
        "a ray": Method(lambda: explore_ray(state, vectors[:, 0])),
        "a region": Method(lambda: explore_region(state, vectors, axis)),
    }


def synthetic(V: int, d: int) -> State:
    """A state of a random readout, with a spectrum and logits that fall off like a language model's."""
    draw = torch.Generator().manual_seed(0)
    W_U = torch.randn(V, d, generator=draw) * torch.arange(1, d + 1) ** -0.5
    y = torch.randn(d, generator=draw)
    y *= 3 / (W_U @ y).std()
    return State(
        vector=y,
        readout=Readout(W_U),
        prompt="",
        tokens=(Token(0, 0, ""),),
        position=0,
        site="prelogit",
        model=ModelCard("synthetic", "0", "float32", d, 0, V),
        text=str,
    )
