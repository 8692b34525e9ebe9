"""Observes the platform: apps, deployments, jobs, and the platform's own numbers."""
