"""The pages: metrics, health, readiness and a table of sources for people.

Everything is answered from memory: the registry holds the numbers, a ``StatusSource`` the rest.
"""
