"""Pictures of results: one file a figure, one style, and no mathematics."""
