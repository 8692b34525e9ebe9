"""Text in, new lines out: what a log says, and which of it has not been counted yet; no I/O."""
