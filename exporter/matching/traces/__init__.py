"""Stack traces: which lines belong to one event, and what it is."""
