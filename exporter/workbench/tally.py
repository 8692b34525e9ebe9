"""Counting: how many lines there are, and how many each rule matches."""

from collections import Counter
from dataclasses import dataclass, field

from exporter.logs.lines import message_of
from exporter.matching.engine import Engine


@dataclass(slots=True)
class Tally:
    """What was found: lines and bytes read, and how many lines each rule, by index, matched."""

    lines: int = 0
    bytes: int = 0
    patterns: Counter[int] = field(default_factory=Counter)


def count(engine: Engine, text: bytes, tally: Tally) -> None:
    """Add the lines of ``text``, which holds whole ones, to the tally."""
    add_lines(text, tally)
    for found in engine.scan_text(text, message_of=message_of):
        tally.patterns[found.rule] += 1


def add_lines(text: bytes, tally: Tally) -> None:
    """Add how many lines and bytes ``text`` has."""
    tally.bytes += len(text)
    tally.lines += text.count(b"\n") + (not text.endswith(b"\n"))
