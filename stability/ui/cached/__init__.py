"""Results that are kept from run to run, keyed by ids and settings."""
