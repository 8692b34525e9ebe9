"""The configuration: YAML in, frozen values out, and every fault with its place in the file.

Layer 1, on pydantic, PyYAML and RE2. ``load`` is the way in, to the values of ``schema``;
``reference`` writes the documentation from the same models.
"""
