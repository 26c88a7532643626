"""The closed form: the Fisher information, its eigenvectors, and directions to look along."""
