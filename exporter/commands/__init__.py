"""What each command does, once ``cli`` has read its flags; each returns the exit code."""
