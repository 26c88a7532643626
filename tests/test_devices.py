"""A card gives the numbers of the processor: every public quantity, at every site."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from support.models import FAMILIES, PROMPT, save_model

import stability
from stability.models import placement

EPSILON = 0.1
SITES = ("prelogit", "final", "block:0", "block:1")
# float32 passes of two devices differ by some units in the last place, which boundaries amplify
TOLERANCE = {"rel": 2e-3, "abs": 2e-4}

Quantity = Callable[[stability.LanguageModel, str], object]


def at(lm, site, position=-1):
    return lm.capture(PROMPT, position, site)


def random_direction(lm, seed=1):
    return np.random.default_rng(seed).standard_normal(lm.card.d_model)


def of_ray(lm, site):
    ray = stability.ray(at(lm, site), random_direction(lm))
    flips = [[flip.distance for flip in side] for side in ray.flips()]
    return [
        ray.predicted_radius(EPSILON),
        *ray.boundary(EPSILON),
        ray.kl(np.array([-0.5, 0.5])),
        *flips,
    ]


def of_region(lm, site):
    found = stability.region(at(lm, site), random_direction(lm), random_direction(lm, 2))
    angles = np.linspace(0, 2 * np.pi, 9)
    cells = [cell.id for cell in found.cells((-0.5, 0.5, -0.5, 0.5))]
    return [found.curvature, found.boundary(EPSILON, angles), sorted(cells)]


def of_interpolation(lm, site):
    found = stability.interpolation(at(lm, site), at(lm, site, 2), 9)
    return [*found.predicted(EPSILON), *found.actual(EPSILON)]


def of_continuations(lm, site):
    texts = stability.continuations(lm, at(lm, site, 3), random_direction(lm), [0.0, 0.5], 4)
    return [[token.id for token in text.tokens] for text in texts]


def of_depth(lm, site):
    states = lm.capture_depth(PROMPT)
    depth = stability.depth(states[0])
    return [depth.radii(EPSILON), stability.depth_check(depth, states, EPSILON).errors]


def of_dose(lm, site):
    found = stability.dose(lm, random_direction(lm), PROMPT, site)
    return [*found.predicted(EPSILON), *found.truth(EPSILON).doses]


EVERYWHERE: dict[str, Quantity] = {
    "spectrum": lambda lm, site: stability.spectrum(at(lm, site), 4).eigenvalues,
    "ray": of_ray,
    "region": of_region,
    "sensitivity": lambda lm, site: stability.sensitivity(
        at(lm, site), stability.spectrum(at(lm, site))
    ).radius(EPSILON),
    "cloud": lambda lm, site: (
        stability.cloud(at(lm, site), stability.spectrum(at(lm, site), 8), EPSILON).kl
    ),
    "interpolation": of_interpolation,
    "continuations": of_continuations,
}
AT_ONE_SITE: dict[str, tuple[Quantity, str]] = {
    "depth": (of_depth, "block:0"),
    "token map": (
        lambda lm, site: [
            found.radius(EPSILON) for found in stability.token_map(lm.capture_all(PROMPT, site))
        ],
        "prelogit",
    ),
    "dose": (of_dose, "block:0"),
    "self-check": (lambda lm, site: float(stability.check(lm).holds), ""),
}
CASES = [
    *(
        pytest.param(quantity, site, id=f"{name} at {site}")
        for name, quantity in EVERYWHERE.items()
        for site in SITES
    ),
    *(pytest.param(*case, id=name) for name, case in AT_ONE_SITE.items()),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return str(save_model(tmp_path_factory.mktemp("models"), FAMILIES["llama"]()))


@pytest.fixture(scope="module")
def here(folder):
    return stability.load(folder, device="cpu")


@pytest.mark.parametrize(("quantity", "site"), CASES)
def test_every_quantity_is_a_number(here, quantity, site):
    """So that what a card is compared with is right to begin with."""
    found = numbers(quantity(here, site))
    assert found
    assert not np.isnan(found).any()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA on this machine")
@pytest.mark.parametrize(("quantity", "site"), CASES)
def test_a_card_gives_the_numbers_of_the_processor(folder, here, there, quantity, site):
    assert numbers(quantity(there, site)) == pytest.approx(
        numbers(quantity(here, site)), **TOLERANCE, nan_ok=True
    )


@pytest.fixture(scope="module")
def there(folder):
    return stability.load(folder, device="cuda")


@pytest.fixture(scope="module", params=["float32", "bfloat16"])
def parted(folder, request):
    """Loaded on the processor, and with `auto` on a card that holds one block of two."""
    first, taken = "cuda:0", []

    def one_block(model, name, free):
        taken.append(name)
        return {
            key: first
            if "layers.1" in key or model.get_output_embeddings().weight is weight
            else "cpu"
            for key, weight in model.named_parameters()
        }

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(placement, "placement", one_block)
        there = stability.load(folder, request.param, "auto")
    assert taken == [folder]
    return stability.load(folder, request.param, "cpu"), there


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA on this machine")
@pytest.mark.parametrize(("quantity", "site"), CASES)
def test_weights_in_main_memory_give_the_numbers_of_the_processor(parted, quantity, site):
    here, there = parted
    devices = {weight.device.type for weight in there.model.parameters()}
    assert devices == {"cpu", "cuda"}
    assert there.network.device.type == at(there, site or "prelogit").vector.device.type == "cuda"
    assert numbers(quantity(there, site)) == pytest.approx(
        numbers(quantity(here, site)), **TOLERANCE, nan_ok=True
    )


def numbers(found: object) -> list[float]:
    """Every number, in order; those that are not there are infinite."""
    if found is None:
        return [np.inf]
    if isinstance(found, list | tuple | np.ndarray):
        return [number for part in found for number in numbers(part)]
    if isinstance(found, torch.Tensor):
        return numbers(found.tolist())
    return [float(found)]
