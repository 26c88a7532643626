"""The Dictionary page: all rows of a file as directions at one state, ranked."""
