"""A Prometheus exporter for DigitalOcean App Platform: logs and crashes, each line counted once."""

from importlib.metadata import version

__version__ = version("do-app-exporter")
