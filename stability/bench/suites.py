"""The suites at `prelogit`, by name: each compares the library with its baselines on a prompt."""

from collections.abc import Callable, Sequence

from stability.bench.ray import compare_rays
from stability.bench.region import compare_region
from stability.bench.sensitivity import compare_token_map
from stability.bench.spectrum import compare_spectra
from stability.bench.threads import compare_threads
from stability.bench.timing import Comparison
from stability.prediction.state import State

READOUT_SUITES: dict[str, Callable[[Sequence[State]], list[Comparison]]] = {
    "spectrum": compare_spectra,
    "ray": compare_rays,
    "region": compare_region,
    "map": compare_token_map,
    "threads": compare_threads,
}
