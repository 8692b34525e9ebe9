"""Counting: how many lines there are, and how many each rule matches."""

from collections import Counter
from dataclasses import dataclass, field

from exporter.logs.lines import message_of
from exporter.matching.engine import Engine
from exporter.workbench.inputs import Piece


@dataclass(slots=True)
class Tally:
    """What was found: lines and bytes read, and how many lines each rule, by index, matched."""

    lines: int = 0
    bytes: int = 0
    patterns: Counter[int] = field(default_factory=Counter)

    def add(self, more: "Tally") -> None:
        """Add what was found elsewhere."""
        self.lines += more.lines
        self.bytes += more.bytes
        self.patterns.update(more.patterns)


def count(engine: Engine, piece: Piece, tally: Tally) -> None:
    """Add the lines of a piece to the tally."""
    add_lines(piece, tally)
    for found in engine.scan_text(piece.text, message_of=message_of, end=piece.end):
        tally.patterns[found.rule] += 1


def add_lines(piece: Piece, tally: Tally) -> None:
    """Add how many lines and bytes a piece has."""
    text, end = piece
    tally.bytes += end
    tally.lines += text.count(b"\n", 0, end) + (not text.endswith(b"\n", 0, end))
