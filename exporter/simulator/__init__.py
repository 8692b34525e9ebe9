"""An App Platform on loopback that knows the truth of what it wrote; for tests and the demo."""
