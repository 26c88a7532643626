"""The Dose page: one steering vector, one text, and how strong the vector may be."""
