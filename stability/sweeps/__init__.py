"""Many prompts, measured into a folder from which a sweep that was stopped goes on."""
