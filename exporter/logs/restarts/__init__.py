"""Container ends in a log: how many, and why."""
