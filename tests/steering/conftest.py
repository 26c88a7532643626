"""One tiny model of each family, loaded once for the tests of steering."""

from collections.abc import Callable

import pytest
from support.families import FAMILIES
from support.models import loaded_once

from stability.models import LanguageModel


@pytest.fixture(scope="session")
def model_of(tmp_path_factory) -> Callable[[str], LanguageModel]:
    return loaded_once(tmp_path_factory, lambda name: FAMILIES[name]())


@pytest.fixture(scope="session")
def lm(model_of) -> LanguageModel:
    return model_of("llama")
