"""The pages, a folder each: controls, cached results and figures together, and no computing."""
