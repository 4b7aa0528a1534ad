"""A simulated Adobe Target and an embedded Kafka broker, for the demo, for tests and for local work."""
