"""Error groups: error messages that differ in their values only."""
