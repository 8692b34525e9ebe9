"""Lines that look like errors and that no rule matched, by group: what rules may be missing."""

from collections.abc import Callable, Collection, Iterator

from exporter.logs.lines import message_of
from exporter.matching.engine import Engine, Unwrapping
from exporter.matching.grouping.error_groups import REST, ErrorGroups, Group
from exporter.model import Level
from exporter.workbench.inputs import Piece
from exporter.workbench.suspicion import SUSPICIOUS

_WIDEST_SAMPLE = 200
"""Characters."""

_LONGEST_STACK = 200
"""How many lines are looked back for the head of a stack."""


class Unmatched:
    """Gathers the suspicious lines of one piece of a log after the other.

    Args:
        redact: takes secrets out of a text.
        unwrap: is applied to every message; None leaves them as they are.
    """

    def __init__(self, redact: Callable[[str], str], unwrap: Unwrapping | None = None) -> None:
        self._engine = Engine([SUSPICIOUS], unwrap=unwrap)
        self._groups = ErrorGroups((), redact)
        self.lines = 0

    def look(self, piece: Piece, matched: Collection[int]) -> None:
        """Gather from a piece; ``matched`` are the places where lines begin that a rule matched."""
        text, end = piece.text, piece.end
        for found in self._engine.scan_text(text, message_of=message_of, end=end):
            if found.start in matched or _continues_match(text, found.start, matched):
                continue
            self.lines += 1
            # All at one time: no group makes room for another.
            message = message_of(text[found.start : found.end])
            if self._engine.unwrap is not None:
                message = self._engine.unwrap(message)
            self._groups.take(message, Level.ERROR, 0.0)

    def as_json(self) -> dict[str, object]:
        """The key ``unmatched`` of the JSON result."""
        listed = [
            {"kind": group.template, "lines": group.count, "sample": group.sample}
            for group in self.most_common
        ]
        return {"unmatched": {"lines": self.lines, "kinds": listed, "further_lines": self.further}}

    def as_table(self, limit: int) -> Iterator[str]:
        """The ``limit`` most frequent groups, a line each, and how many lines there are beside."""
        if not self.lines:
            yield "No line looks like an error that no pattern matched."
            return
        yield f"{self.lines} lines look like errors and no pattern matched them:"
        yield f"{'LINES':>10}  FIRST OF ITS KIND"
        listed = self.most_common[:limit]
        for group in listed:
            long = len(group.sample) > _WIDEST_SAMPLE
            yield f"{group.count:>10}  {group.sample[:_WIDEST_SAMPLE]}{'…' if long else ''}"
        if rest := self.lines - sum(group.count for group in listed):
            yield f"{rest:>10}  of further kinds"

    @property
    def most_common(self) -> list[Group]:
        """The groups, the most frequent first."""
        groups = (group for group in self._groups.groups.values() if group.number != REST)
        return sorted(groups, key=lambda group: (-group.count, group.number))

    @property
    def further(self) -> int:
        """Lines that came when there was room for no further group."""
        return self.lines - sum(group.count for group in self.most_common)


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
