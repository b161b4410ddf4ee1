"""The service: what it does by itself besides turning the wheel. Plain classes that somebody calls again and again."""
