"""The sources' claims beside the measurements made here, and the page of results."""
