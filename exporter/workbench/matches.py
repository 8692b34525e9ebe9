"""The matches in a log that count, as the exporter would count them: in the same events."""

from collections.abc import Iterator, Sequence
from typing import overload

from exporter.logs.lines import message_of, timestamp_of
from exporter.logs.unfinished import unfinished
from exporter.matching.engine import Engine, LineMatch, Match
from exporter.matching.extract import Extraction, Sample
from exporter.matching.traces.event_matches import EventMatches
from exporter.matching.traces.events import Event, OpenEvents
from exporter.matching.traces.grammar import HEADS
from exporter.model import LogLine, Rule
from exporter.workbench.inputs import Piece


def rules_of(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Return what an engine has to look for: the rules, and the heads of traces if any needs them.

    Nothing but rules about events, or of one language, depends on which lines are one event.
    """
    needed = any(rule.per_event or rule.language is not None for rule in rules)
    return (*rules, *HEADS) if needed else tuple(rules)


class LogMatches:
    """Finds what counts in one log, piece by piece.

    Args:
        engine: has ``rules_of`` the rules.
        rules: the rules.
    """

    def __init__(self, engine: Engine, rules: Sequence[Rule]) -> None:
        self._engine = engine
        self._rules = rules
        self._matches = EventMatches(rules) if len(engine.rules) > len(rules) else None
        self._events = OpenEvents()
        self._context: Sequence[bytes] = ()

    def counted(self, piece: Piece) -> Iterator[LineMatch]:
        """Yield the matches that count, in the order of lines, then of rules."""
        found = self._engine.scan_text(
            piece.text, message_of=message_of, end=piece.end, context=self._context
        )
        if self._matches is None:
            yield from found
        else:
            yield from self._of_events(piece, list(found), self._matches)
        self._remember_end(piece)

    def waited(self, *, ended: bool) -> Iterator[tuple[int, bytes, Event]]:
        """Yield, of events that are over, what metrics take from them: rule, message, event.

        Args:
            ended: whether the log has ended, and all events with it.
        """
        if self._matches is not None:
            over = self._events.pushed_out()
            if ended:
                over += self._events.settle(float("inf"))
            for event in over:
                for identity, message, _ in event.waiting:
                    yield self._matches.indexes[identity], message.encode(), event

    def warm_up(self, piece: Piece) -> None:
        """See lines that are counted elsewhere: those after them may be parts of their events."""
        for _ in self.counted(piece):
            pass
        for event in self._events.events:
            event.waiting.clear()

    def _of_events(
        self, piece: Piece, found: list[LineMatch], matches: EventMatches
    ) -> Iterator[LineMatch]:
        if not self._events.events and not any(matches.begins_events(one.rule) for one in found):
            yield from found
            return
        lines = _PieceLines(piece, self._engine)
        indexed, places = [], {}
        index, counted = 0, 0
        for one in found:
            index += piece.text.count(b"\n", counted, one.start)
            counted = one.start
            indexed.append(Match(one.rule, index))
            places[index] = (one.start, one.end)
        for match in matches.take(self._events, lines, indexed, 0.0)[0]:
            yield LineMatch(match.rule, *places[match.message])

    def _remember_end(self, piece: Piece) -> None:
        end = piece.end - piece.text.endswith(b"\n", 0, piece.end)
        last = piece.text[piece.text.rfind(b"\n", 0, end) + 1 : end]
        message = message_of(last)
        if self._engine.unwrap is not None:
            message = self._engine.unwrap(message)
        if message[:1] in (b" ", b"\t", b"{"):
            lines = piece.text[max(0, end - _CONTEXT_BYTES) : end].split(b"\n")
            self._context = unfinished((), lines, message)
        else:
            self._context = ()


_CONTEXT_BYTES = 1 << 14


class _PieceLines(Sequence[LogLine]):
    """The lines of a piece, each made a value when it is asked for."""

    def __init__(self, piece: Piece, engine: Engine) -> None:
        self._raws = piece.text[: piece.end].removesuffix(b"\n").split(b"\n")
        self._unwrap = engine.unwrap

    def __len__(self) -> int:
        return len(self._raws)

    @overload
    def __getitem__(self, index: int) -> LogLine: ...
    @overload
    def __getitem__(self, index: slice) -> list[LogLine]: ...

    def __getitem__(self, index: int | slice) -> LogLine | list[LogLine]:
        if isinstance(index, slice):
            return [self[one] for one in range(*index.indices(len(self)))]
        raw = self._raws[index]
        message = message_of(raw)
        if self._unwrap is not None:
            message = self._unwrap(message)
        return LogLine(raw, len(raw) + 1, timestamp_of(raw), message)


def sample_of(extraction: Extraction, engine: Engine, line: bytes) -> Sample:
    """Return what a line that a rule matched gives to the rule's metric."""
    message = message_of(line)
    return extraction.sample(message if engine.unwrap is None else engine.unwrap(message))
