"""The parts of CEL expressions: their syntax, what they read, checking them by the types of events."""
