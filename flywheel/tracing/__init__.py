"""Traces: OpenTelemetry spans of iterations and of requests to act, where a collector for them is configured."""
