"""Decides which lines of a log are new, and where lines are missing."""
