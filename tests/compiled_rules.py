"""Engines whose rules are compiled once for all programs that tests start, in a run and the next.

What is compiled is kept in ``build``, by the rules and by the code that compiles them.
"""

from collections.abc import Sequence
from pathlib import Path

from exporter.logs.unwrap import Unwrapping
from exporter.matching.engine import Engine
from exporter.model import Rule
from exporter.workbench.database_cache import DatabaseCache

DATABASES = DatabaseCache(Path(__file__).resolve().parents[1] / "build" / "databases")


def compiled(rules: Sequence[Rule], unwrap: Unwrapping | None = None) -> Engine:
    """The engine of some rules: what a program makes by ``Engine(rules, unwrap=unwrap)``."""
    return Engine(rules, unwrap=unwrap, cache=DATABASES)
