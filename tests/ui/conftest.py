"""What all tests of the app share."""

from functools import cache

from streamlit.components.v2 import manifest_scanner

# a page that is rerun without a browser looks each time through all packages for components
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)
