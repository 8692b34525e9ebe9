"""Lines that look like errors and that no rule matched, by kind: what rules may be missing."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from exporter.logs.lines import message_of
from exporter.matching.engine import Engine
from exporter.workbench.inputs import Piece
from exporter.workbench.suspicion import SUSPICIOUS

MOST_KINDS = 1000
"""How many kinds are told apart, so that no log, however large, fills the memory."""

_LONGEST_STACK = 200
"""How many lines are looked back for the head of a stack."""


@dataclass(slots=True)
class Kind:
    """Messages that differ in numbers, names and the like alone: how many, and the first."""

    count: int
    sample: bytes


class Unmatched:
    """Gathers the suspicious lines of one piece of a log after the other."""

    def __init__(self, kind_of: Callable[[bytes], str]) -> None:
        """``kind_of`` gives the same text for messages of the same kind."""
        self._engine = Engine([SUSPICIOUS])
        self._kind_of = kind_of
        self.kinds: dict[str, Kind] = {}
        self.lines = 0
        self.further = 0
        """Lines of kinds that came when there were ``MOST_KINDS`` already."""

    def look(self, piece: Piece, matched: Collection[int]) -> None:
        """Gather from a piece; ``matched`` are the places where lines begin that a rule matched."""
        text, end = piece
        for found in self._engine.scan_text(text, message_of=message_of, end=end):
            if found.start in matched or _continues_match(text, found.start, matched):
                continue
            self._add(message_of(text[found.start : found.end]))

    def most_common(self) -> list[tuple[str, Kind]]:
        """Return all kinds, the most frequent first."""
        return sorted(self.kinds.items(), key=lambda item: (-item[1].count, item[0]))

    def _add(self, message: bytes) -> None:
        self.lines += 1
        name = self._kind_of(message)
        kind = self.kinds.get(name)
        if kind is not None:
            kind.count += 1
        elif len(self.kinds) < MOST_KINDS:
            self.kinds[name] = Kind(1, message)
        else:
            self.further += 1


def _continues_match(text: bytes, start: int, matched: Collection[int]) -> bool:
    """Return whether a line ends a stack whose head a rule matched, such as ``ValueError: x``."""
    stacked = False
    for at in _starts_before(text, start):
        if at in matched:
            return stacked
        if not message_of(text[at : text.index(b"\n", at)])[:1].isspace():
            return False
        stacked = True
    return False


def _starts_before(text: bytes, start: int) -> Iterator[int]:
    for _ in range(_LONGEST_STACK):
        if start <= 0:
            return
        start = text.rfind(b"\n", 0, start - 1) + 1
        yield start
