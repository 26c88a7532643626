"""The app: pages, cached results, widgets and words. The only part that imports Streamlit."""

import os

# torch reads it when it is imported: threads that wait must not spin on the cores that others share
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# the hub's client reads it when it is imported: a transfer by its other protocol cannot be stopped
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
