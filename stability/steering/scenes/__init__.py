"""What a browser shows of a dose, as plain data."""
