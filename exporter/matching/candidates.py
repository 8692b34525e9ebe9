"""Hyperscan over a block of lines: which lines are worth RE2's time, for which rule.

Used by ``engine``. A rule without a regex, or whose regex gives no expression,
is ``missing`` here, and never proposed.
"""

import threading
from collections.abc import Sequence
from typing import cast

import hyperscan

from exporter.matching.proposal import propose

_FLAGS = hyperscan.HS_FLAG_MULTILINE

Candidate = tuple[int, int]
"""The offset behind a line's newline, and the index of a regex."""


class Candidates:
    """The expressions of some regexes in one database; threads may share it."""

    def __init__(self, regexes: Sequence[str | None]) -> None:
        expressions = {
            index: expression
            for index, regex in enumerate(regexes)
            if regex is not None and (expression := propose(regex)) is not None
        }
        self._database, used = _largest_database(expressions)
        self.missing = tuple(index for index in range(len(regexes)) if index not in used)
        # Hyperscan forbids two scans in one scratch space at a time.
        self._local = threading.local()

    def find(self, block: bytes | memoryview, wanted: frozenset[int] | None) -> list[Candidate]:
        """Return the lines of ``block`` in which a regex may be found; none is missed.

        Args:
            block: lines, each ended by a newline, the last one too.
            wanted: indexes of the regexes that count; None is all of them.

        The order is any, and the same pair may come twice.
        """
        found: list[Candidate] = []
        if self._database is None:
            return found
        append = found.append

        def note(index: int, start: int, end: int, flags: int, context: object) -> None:
            append((end, index))

        def note_wanted(index: int, start: int, end: int, flags: int, context: object) -> None:
            if wanted is None or index in wanted:
                append((end, index))

        # Any buffer will do; the annotations of hyperscan leave that out.
        data, notes = cast(bytes, block), note if wanted is None else note_wanted
        self._database.scan(data, notes, scratch=self._scratch(self._database))
        return found

    def _scratch(self, database: hyperscan.Database) -> hyperscan.Scratch:
        scratch: hyperscan.Scratch | None = getattr(self._local, "scratch", None)
        if scratch is None:
            scratch = self._local.scratch = hyperscan.Scratch(database)
        return scratch


def _largest_database(
    expressions: dict[int, str],
) -> tuple[hyperscan.Database | None, frozenset[int]]:
    """Compile all expressions that Hyperscan takes, together; return which they are."""
    database = _compile(expressions)
    if database is None:
        # Hyperscan refuses all for the sake of one; which one it is, each must tell alone.
        expressions = {
            index: expression
            for index, expression in expressions.items()
            if _compile({index: expression}) is not None
        }
        database = _compile(expressions)
    return database, frozenset(expressions if database is not None else ())


def _compile(expressions: dict[int, str]) -> hyperscan.Database | None:
    if not expressions:
        return None
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    try:
        database.compile(
            expressions=[expression.encode() for expression in expressions.values()],
            ids=list(expressions),
            flags=[_FLAGS] * len(expressions),
        )
    except hyperscan.error:
        return None
    return database
