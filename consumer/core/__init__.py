"""Decisions without I/O: no clock, no chance, no network. Time and randomness come in as arguments."""
