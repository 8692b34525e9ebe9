"""Lines into events: a stack trace is one, whatever the reads and frames it came in.

One ``OpenEvents`` per component is fed its new lines, told which of them may begin an event, and
says which lines belong to which. Only lines near such a head are looked at. What two instances
write at a time is separated by what continues what.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from exporter.matching.traces.grammar import (
    HEADER,
    NAMED_ONCE,
    STARTS,
    UNFINISHED,
    Phase,
    begin,
    exception_in,
    follow,
    is_of_language,
    names_exception,
)
from exporter.matching.traces.shapes import Shape, shape_of
from exporter.model import Level, LogLine

MAX_LINES = 2_000
MAX_BYTES = 1 << 20
MAX_SPAN = 30_000_000_000
"""Nanoseconds from an event's first line to its last."""

MAX_GAP = 2_000_000_000
"""Nanoseconds between two lines of an event, by their own time."""

FIRST_REACH, REACH = 5, 20
"""How far behind the first line of an event the second may stand, and behind that the next.

Others come between where several instances write, or several threads.
"""

MAX_LIVE = 8
MAX_EVENTS = 32
"""The most open events of a component at a time, and the most that are remembered."""

KEPT_BYTES = 1024
"""How much of a line an event keeps."""


@dataclass(slots=True, eq=False)
class Event:
    """A line, and those that continue it.

    Args:
        began: time of the first line in nanoseconds, 0 where lines have none.
        newest: time of the latest line.
        told: the line that names the exception, or else the first.
        counted: the rules that have counted it.
        waiting: rules, each with the message and time of the line that it matched, whose metrics
            take values from the event and wait for its end.
        level: the worst level of the rules that matched a line of it, if that is an error.
        touched: when a line was last added, in Unix seconds.
        settled: whether it is over and has been handed out.
    """

    phase: Phase
    indent: int
    began: int
    newest: int
    first_line: str
    last_line: str
    told: str
    touched: float = 0.0
    lines: int = 1
    size: int = 0
    settled: bool = False
    level: Level | None = None
    counted: list[str] = field(default_factory=list)
    waiting: list[tuple[str, str, int | None]] = field(default_factory=list)

    @property
    def fields(self) -> dict[str, str]:
        """What a rule's own metric may take values from."""
        return {
            "exception": exception_in(self.told, self.phase),
            "first_line": self.first_line,
            "last_line": self.last_line,
        }

    def is_of(self, language: str | None) -> bool:
        """Whether it may be of a language, as far as its lines have told; None is any."""
        return is_of_language(self.phase, language)

    @property
    def matters(self) -> bool:
        """Whether anything was made of it, so that it has to be known later."""
        return bool(self.counted) or self.level is not None

    def to_json(self) -> dict[str, Any]:
        """The event as a document holds it."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Event":
        """The event that ``to_json`` described.

        Raises:
            ValueError: it describes none.
        """
        try:
            known = {each.name: document[each.name] for each in fields(cls)}
            level = known["level"]
            known |= {
                "phase": Phase(known["phase"]),
                "level": None if level is None else Level(level),
            }
            return cls(**known)
        except (KeyError, TypeError) as error:
            raise ValueError(f"an event cannot be read: {error!r}") from None


class OpenEvents:
    """The open events of one component, the latest last."""

    def __init__(self, events: Sequence[Event] = ()) -> None:
        self.events = list(events)
        self._pushed_out: list[Event] = []
        self._live: list[tuple[Event, int]] = []  # with the place of its latest line
        self._blanks = (0, 0)  # the places of the first and the last of the latest blank lines
        self._place = 0  # counts the lines that were looked at
        self._until = 0  # the last place that any of them reaches
        self._starts: bytes | None = b""  # what a line that continues one begins with, if known
        self._newest: int | None = None  # timestamp of what was fed

    def take(
        self, lines: Sequence[LogLine], heads: Collection[int], now: float
    ) -> dict[int, Event]:
        """The events that lines belong to, by the index of the line.

        Args:
            lines: new lines of the component, in order; one at least.
            heads: indexes of the lines that begin an event unless they continue one.
            now: Unix seconds.
        """
        members: dict[int, Event] = {}
        self._revive(lines[0].timestamp, lines[-1].timestamp)
        waiting = iter(sorted(heads))
        head = next(waiting, None)
        index, end = 0, len(lines)
        while True:
            if not self._live:
                if head is None:
                    return members
                index = head
            elif index == end:
                return members
            event = self._member(lines[index], begins=index == head, now=now)
            if event is not None:
                members[index] = event
            if index == head:
                head = next(waiting, None)
            index += 1

    @property
    def to_be_known(self) -> bool:
        """Whether there are events of which more may come, or of which something was made."""
        return bool(self._live) or any(event.matters for event in self.events)

    def to_json(self) -> list[dict[str, Any]]:
        """The events that have to be known later, as a document holds them.

        ``behind`` is how many lines were looked at behind an event's latest; None if it is past.
        """
        behind = {id(event): self._place - place for event, place in self._live}
        return [
            event.to_json() | {"behind": behind.get(id(event))}
            for event in self.events
            if event.matters or id(event) in behind
        ]

    @classmethod
    def from_json(cls, documents: Sequence[dict[str, Any]]) -> "OpenEvents":
        """The events as they were when ``to_json`` described them.

        Raises:
            ValueError: something describes none.
        """
        found = cls([Event.from_json(document) for document in documents])
        for event, document in zip(found.events, documents, strict=True):
            found._newest = max(event.newest, found._newest or 0)
            behind = document.get("behind")
            if behind is not None:
                found._let_live(event, -int(behind))
        found._live.sort(key=lambda live: live[1])
        return found

    def pushed_out(self) -> list[Event]:
        """The events for which there was no more room, each handed out once."""
        over, self._pushed_out = self._pushed_out, []
        return over

    def settle(self, until: float) -> list[Event]:
        """The events that are over since a time (Unix seconds), each handed out once.

        An event is over where a log was read whole after that time and showed no more of it.
        """
        over = [event for event in self.events if not event.settled and _last_seen(event) <= until]
        for event in over:
            event.settled = True
        return over

    def forget(self, until: float) -> None:
        """Drop settled events to which no line was added since a time (Unix seconds)."""
        self.events = [event for event in self.events if not event.settled or event.touched > until]
        left = set(map(id, self.events))
        self._live = [(event, place) for event, place in self._live if id(event) in left]

    def _member(self, line: LogLine, *, begins: bool, now: float) -> Event | None:
        self._place += 1
        starts = self._starts
        event = None
        if self._live and (starts is None or line.message[:1] in starts):
            event = self._continued(line)
        if event is None and begins:
            event = _begin(line)
            self.events.append(event)
            if len(self.events) > MAX_EVENTS:
                self._push_out(self.events.pop(0))
        if event is not None:
            event.touched = now
            self._let_live(event)
        elif self._place >= self._until:
            self._live.clear()
        return event

    def _continued(self, line: LogLine) -> Event | None:
        """The event that a line continues, no longer among those that live.

        Events that cannot end as they stand have it first, the one that waits longest before the
        others, so that none starves among traces written at a time; then the latest has it.
        """
        shape = shape_of(line.message)
        if shape is Shape.BLANK:
            first, last = self._blanks
            self._blanks = (first if last == self._place - 1 else self._place, self._place)
            return None
        indent = _indent(line.message)
        waiting = [each for each in self._live if _waits(each[0])]
        others = [each for each in reversed(self._live) if not _waits(each[0])]
        for event, place in (*waiting, *others):
            deeper, distance = indent - event.indent, self._place - place
            if distance > _reach(event):
                continue
            after = follow(event.phase, shape, deeper=deeper, distance=distance, lines=event.lines)
            if after is not None and _within_bounds(event, line):
                event.lines += self._blanks_behind(place)
                _go_on(event, line, shape, after)
                self._live.remove((event, place))
                return event
        return None

    def _blanks_behind(self, place: int) -> int:
        """How many lines stand between a place and the present one, if all of them are blank."""
        first, last = self._blanks
        return last - place if first <= place + 1 and last == self._place - 1 else 0

    def _push_out(self, event: Event) -> None:
        if not event.settled:
            event.settled = True
            self._pushed_out.append(event)

    def _let_live(self, event: Event, place: int | None = None) -> None:
        at = self._place if place is None else place
        self._live.append((event, at))
        del self._live[:-MAX_LIVE]
        self._until = max(self._until, at + _reach(event))
        starts = [STARTS.get(event.phase) for event, _ in self._live]
        self._starts = None if None in starts else b"".join(filter(None, starts))

    def _revive(self, first: int | None, last: int | None) -> None:
        """Reopen events whose time a text takes up again: their rest may come late."""
        if first is not None and (self._newest is None or first < self._newest):
            live = {id(event) for event, _ in self._live}
            for event in self.events:
                if id(event) not in live and abs(first - event.newest) <= MAX_GAP:
                    self._let_live(event)
        if last is not None:
            self._newest = max(last, self._newest or last)


def _begin(line: LogLine) -> Event:
    message = line.message
    phase = begin(message)
    text = kept(message)
    if phase is Phase.EXCEPTION and message.endswith((b"{", b"[")):
        phase = Phase.TRACE  # properties follow at once, without a frame
    elif phase is Phase.EXCEPTION and message.rstrip().endswith(b"nested exception is:"):
        phase = Phase.NESTED
    return Event(
        phase=phase,
        indent=_indent(message),
        began=line.timestamp or 0,
        newest=line.timestamp or 0,
        first_line=text,
        last_line=text,
        told=text,
        size=line.size,
    )


def _go_on(event: Event, line: LogLine, shape: Shape, after: Phase) -> None:
    """Add a line to an event."""
    message = line.message
    before, event.phase = event.phase, after
    # Of a group's exceptions the first is the group itself.
    in_group = shape is Shape.GROUP and not event.told.endswith(HEADER)
    is_cause = before in NAMED_ONCE and event.told != event.first_line
    if not in_group and not is_cause and names_exception(before, after, shape, message):
        event.told = kept(message)
        event.indent = min(event.indent, _indent(message))
    event.last_line = kept(message)
    event.newest = max(event.newest, line.timestamp or 0)
    event.lines += 1
    event.size += line.size


def _waits(event: Event) -> bool:
    return event.lines == 1 or event.phase in UNFINISHED


def _reach(event: Event) -> int:
    return FIRST_REACH if event.lines == 1 else REACH


def _within_bounds(event: Event, line: LogLine) -> bool:
    if event.lines >= MAX_LINES or event.size >= MAX_BYTES:
        return False
    time = line.timestamp
    if time is None or not event.newest:
        return True
    return abs(time - event.newest) <= MAX_GAP and time - event.began <= MAX_SPAN


def _last_seen(event: Event) -> float:
    return min(event.touched, event.newest / 1e9) if event.newest else event.touched


def _indent(message: bytes) -> int:
    return len(message) - len(message.lstrip())


def kept(message: bytes) -> str:
    """The text of a message, as much of it as an event keeps."""
    return message[:KEPT_BYTES].decode("utf-8", "replace").strip()
