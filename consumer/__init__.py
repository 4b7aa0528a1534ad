"""Kafka customer-action events become Adobe Target profile updates."""

__version__ = "0.1.0"
