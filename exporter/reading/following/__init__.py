"""Live streams of RUN logs: one connection for each source that is followed."""
