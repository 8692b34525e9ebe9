"""What ``match`` does with log files: read, count, and say what came of it."""
