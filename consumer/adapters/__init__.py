"""The outside world: Kafka, Adobe Target, logs, metrics, HTTP pages."""
