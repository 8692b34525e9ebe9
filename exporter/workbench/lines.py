"""Counting where the lines themselves are asked for: what matches, and what nothing matches."""

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

from exporter.logs.lines import message_of
from exporter.matching.engine import Engine
from exporter.workbench.inputs import Input, Piece, pieces_of
from exporter.workbench.newlines import lines_in
from exporter.workbench.tally import Extractions, Tally, take_sample


class MatchingLine(NamedTuple):
    """A line, and the name of a rule that matches it."""

    pattern: str
    line: str


def matching_lines(
    engine: Engine,
    extractions: Extractions,
    logs: Iterable[Input],
    tally: Tally,
    look: Callable[[Piece, Collection[int]], None] | None,
    notice: Callable[[int], None],
) -> Iterator[MatchingLine]:
    """Count as ``tally.count`` does, and yield every match in the order of lines, then of rules.

    Args:
        engine: the rules.
        extractions: those of the rules that feed a metric.
        logs: the inputs, open.
        tally: what is counted goes there.
        look: is shown each piece and where in it lines begin that a rule matched.
        notice: hears of the bytes that were read.
    """
    for log in logs:
        for piece in pieces_of(log):
            starts = set()
            tally.lines += lines_in(piece)
            tally.bytes += piece.end
            for found in engine.scan_text(piece.text, message_of=message_of, end=piece.end):
                tally.patterns[found.rule] += 1
                starts.add(found.start)
                line = piece.text[found.start : found.end]
                if found.rule in extractions:
                    take_sample(extractions[found.rule], line, tally)
                shown = line.decode("utf-8", "replace").removesuffix("\r")
                yield MatchingLine(engine.rules[found.rule].name, shown)
            if look is not None:
                look(piece, starts)
            notice(piece.end)


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
