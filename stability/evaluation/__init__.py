"""How right predicted radii are over many prompts, and how they are calibrated."""
