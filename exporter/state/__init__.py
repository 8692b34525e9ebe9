"""Cursors and counts, changed together."""
