"""What several test modules share."""

from pathlib import Path

import pytest

from stability.models.packaged import ensure


@pytest.fixture(scope="session")
def smollm2_folder() -> Path:
    """The default model in the real cache, prepared once for the whole suite."""
    return ensure("smollm2-135m")
