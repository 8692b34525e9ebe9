"""Reads logs: by interval, as they are pushed, and once when a deployment or a run has ended."""
