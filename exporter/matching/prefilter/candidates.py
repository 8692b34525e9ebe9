"""Hyperscan over a block of lines: which lines are worth RE2's time, for which rule.

Used by ``engine``. A rule without a regex, or whose regex gives no expression,
is ``missing`` here, and never proposed.
"""

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Protocol, cast

import hyperscan

from exporter.matching.prefilter.expression import Expression

Places = Mapping[int, Sequence[int]]
"""The offsets of lines' newlines by the index of a regex that may be found in the lines."""


class DatabaseCache(Protocol):
    """Keeps compiled databases, each with the indexes of the regexes that are in it."""

    def load(self, made_of: object) -> tuple[hyperscan.Database, frozenset[int]] | None:
        """Return the database of what has this ``repr``, or None."""

    def save(self, made_of: object, database: hyperscan.Database, used: frozenset[int]) -> None:
        """Keep a database for what has this ``repr``; a failure is no error."""


class Candidates:
    """The expressions of some regexes in one database; threads may share it.

    Args:
        regexes: those of rules, in RE2's syntax, or their expressions.
        marks: further expressions, in Hyperscan's syntax; the lines in which one is found are
            marked.
        cache: where a database of the same regexes may be, and is kept; None compiles it.
    """

    def __init__(
        self,
        regexes: Sequence[str | Sequence[Expression] | None],
        marks: Sequence[bytes] = (),
        cache: DatabaseCache | None = None,
    ) -> None:
        self._database, used = _database(regexes, marks, cache)
        self.missing = tuple(index for index in range(len(regexes)) if index not in used)
        self._mark = len(regexes)
        # Hyperscan forbids two scans in one scratch space at a time.
        self._local = threading.local()

    def find(
        self, text: bytes, wanted: frozenset[int] | None, start: int = 0, end: int | None = None
    ) -> tuple[Places, Sequence[int]]:
        """Return the lines of a text in which a regex may be found, none is missed; and the marked.

        Of each line it returns the offset of its newline, in any order, perhaps twice.

        Args:
            text: lines, each ended by a newline.
            wanted: indexes of the regexes that count; None is all of them.
            start: where the first line to look at starts.
            end: where the last one ends, behind its newline; None is the end of the text.
        """
        if self._database is None:
            return {}, ()
        # Of each regex, the stretch up to a line's end in which it was found last: however often
        # it is found there, the line is one candidate.
        mark = self._mark
        since, until = [0] * (mark + 1), [-1] * (mark + 1)
        found: defaultdict[int, list[int]] = defaultdict(list)

        def note(index: int, _start: int, behind: int, _flags: int, _context: object) -> None:
            last = start + behind - 1
            if since[index] <= last <= until[index]:
                return
            if wanted is None or index in wanted or index == mark:
                since[index] = last
                until[index] = newline = text.find(b"\n", last)
                found[index].append(newline)

        # Any buffer will do; the annotations of hyperscan leave that out.
        whole = start == 0 and end in (None, len(text))
        block = text if whole else cast(bytes, memoryview(text)[start:end])
        self._database.scan(block, note, scratch=self._scratch(self._database))
        return found, found.pop(mark, ())

    def _scratch(self, database: hyperscan.Database) -> hyperscan.Scratch:
        scratch: hyperscan.Scratch | None = getattr(self._local, "scratch", None)
        if scratch is None:
            scratch = self._local.scratch = hyperscan.Scratch(database)
        return scratch


def _database(
    regexes: Sequence[str | Sequence[Expression] | None],
    marks: Sequence[bytes],
    cache: DatabaseCache | None,
) -> tuple[hyperscan.Database | None, frozenset[int]]:
    """Return the database of all regexes that give expressions, and their indexes."""
    made_of = (regexes, marks)
    if cache is not None and (cached := cache.load(made_of)) is not None:
        return cached
    proposals = {
        index: expressions
        for index, regex in enumerate(regexes)
        if regex is not None and (expressions := _expressions(regex)) is not None
    }
    database, used = _largest_database(proposals, marks, len(regexes))
    if cache is not None and database is not None:
        cache.save(made_of, database, used)
    return database, used


def _expressions(regex: str | Sequence[Expression]) -> Sequence[Expression] | None:
    if not isinstance(regex, str):
        return regex
    # Where a database is cached, what parses regexes is never loaded.
    from exporter.matching.prefilter.proposal import propose

    return propose(regex)


def _largest_database(
    proposals: Mapping[int, Sequence[Expression]], marks: Sequence[bytes], mark: int
) -> tuple[hyperscan.Database | None, frozenset[int]]:
    """Compile all expressions that Hyperscan takes, together; return whose they are.

    Args:
        marks: expressions that Hyperscan must take; ``mark`` is what it reports for them.
    """
    database = _compile(proposals, marks, mark)
    if database is None:
        # Hyperscan refuses all for the sake of one; which one it is, each must tell alone.
        proposals = {
            index: expressions
            for index, expressions in proposals.items()
            if _compile({index: expressions}) is not None
        }
        database = _compile(proposals, marks, mark)
    return database, frozenset(proposals if database is not None else ())


def _compile(
    proposals: Mapping[int, Sequence[Expression]], marks: Sequence[bytes] = (), mark: int = 0
) -> hyperscan.Database | None:
    if not proposals and not marks:
        return None
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    entries = [(index, one) for index, several in proposals.items() for one in several]
    try:
        database.compile(
            expressions=[*(each.pattern.encode() for _, each in entries), *marks],
            ids=[*(index for index, _ in entries), *(mark for _ in marks)],
            flags=[
                hyperscan.HS_FLAG_MULTILINE | hyperscan.HS_FLAG_CASELESS * expression.caseless
                for _, expression in entries
            ]
            + [hyperscan.HS_FLAG_MULTILINE for _ in marks],
        )
    except hyperscan.error:
        return None
    return database
