"""The HTTP server: connections, TLS, authentication."""
