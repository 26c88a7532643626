"""What all tests of the app share."""

from functools import cache

import pytest
from streamlit.components.v2 import manifest_scanner
from support.browser import serving

# a page that is rerun without a browser looks each time through all packages for components
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)


@pytest.fixture(scope="session")
def server(smollm2_folder):
    """The address of the app, on one server for all who change nothing about it."""
    with serving() as address:
        yield address
