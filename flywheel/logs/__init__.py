"""Logs: what every process says about its work, a line of JSON each, and how it gets where it is kept."""
