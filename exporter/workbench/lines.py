"""Counting where the lines themselves are asked for: what matches, and what nothing matches."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from exporter.matching.engine import Engine
from exporter.model import Rule
from exporter.workbench.inputs import Input, Piece, pieces_of
from exporter.workbench.newlines import lines_in
from exporter.workbench.tally import Counting, Tally


class MatchingLine(NamedTuple):
    """A line, and the name of a rule that matches it."""

    pattern: str
    line: str


def matching_lines(
    engine: Engine,
    rules: Sequence[Rule],
    logs: Iterable[Input],
    tally: Tally,
    look: Callable[[Piece, Collection[int]], None] | None,
    notice: Callable[[int], None],
) -> Iterator[MatchingLine]:
    """Count, and yield every match that counts in the order of lines, then of rules.

    Args:
        engine: has ``matches.rules_of`` the rules.
        rules: the rules.
        logs: the inputs, open.
        tally: what is counted goes there.
        look: is shown each piece and where in it lines begin that a rule matched.
        notice: hears of the bytes that were read.
    """
    for log in logs:
        counting = Counting(engine, rules, tally)
        for piece in pieces_of(log):
            starts = set()
            tally.lines += lines_in(piece)
            for found in counting.count(piece):
                starts.add(found.start)
                line = piece.text[found.start : found.end]
                shown = line.decode("utf-8", "replace").removesuffix("\r")
                yield MatchingLine(rules[found.rule].name, shown)
            if look is not None:
                look(piece, starts)
            notice(piece.size)
        counting.end()


def first_lines(logs: Iterable[Input], limit: int, tally: Tally) -> Iterator[bytes]:
    """Yield, and count, the first ``limit`` lines of all inputs together, without newlines."""
    for log in logs:
        for piece in pieces_of(log):
            start = 0
            while start < piece.end:
                newline = piece.text.find(b"\n", start, piece.end)
                stop, behind = (piece.end, piece.end) if newline < 0 else (newline, newline + 1)
                tally.lines += 1
                tally.bytes += behind - start
                yield piece.text[start:stop]
                if tally.lines == limit:
                    return
                start = behind
