"""The Calibration page, opened on the shipped results."""

import pytest
from support.app import CALIBRATION, opened


@pytest.fixture
def page():
    app = opened(CALIBRATION, timeout=200)
    assert not app.exception
    assert not app.error
    return app
