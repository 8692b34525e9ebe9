"""How fast the exporter is, measured beside other ways to do the same; nothing here asserts."""
