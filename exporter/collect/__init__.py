"""Turning the crank: what there is to read, when, and what becomes of it."""
