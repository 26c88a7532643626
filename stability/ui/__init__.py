"""The page's own parts: caches, controls and words. The only part that knows Streamlit."""
