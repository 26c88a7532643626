"""How long a person waits: from an event in the browser to the painted frame, and what is sent for it.

Run from a checkout, with Playwright and a Chromium: `python -m stability.bench.latency`.
"""
