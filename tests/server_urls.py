"""Servers that run already: who starts tests again and again starts them once, and says where.

What a test finds there is another test's; it clears it. A test that stops a server starts its own.
"""

import os


def set_url(kind: str, url: str) -> None:
    """Say where a server runs, to this process and to those that it starts."""
    os.environ[_name(kind)] = url


def url_of(kind: str) -> str | None:
    """Where one runs that tests may use; None if there is none."""
    return os.environ.get(_name(kind))


def _name(kind: str) -> str:
    return f"TESTS_{kind.upper()}_URL"
