"""The exporter's metrics: their records, and the table of their series."""
