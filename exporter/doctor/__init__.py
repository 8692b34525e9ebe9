"""What ``doctor`` checks: whether the platform is as the exporter relies on it to be."""
