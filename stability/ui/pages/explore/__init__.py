"""The Explore page: one prompt, one token, one direction."""
