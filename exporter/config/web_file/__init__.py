"""The web configuration file of the Prometheus exporter-toolkit."""
