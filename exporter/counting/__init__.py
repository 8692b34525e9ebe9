"""What is known and counted about each component, and the commits that persist it."""
