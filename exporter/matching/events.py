"""Lines into events: a stack trace is one, whatever the reads and frames it came in.

One ``OpenEvents`` per component is fed its new lines, told which of them may begin an event, and
says which lines belong to which. Only lines near such a head are looked at. What two instances
write at a time is told apart by what continues what; where either would do, the latest has it.
"""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from exporter.matching.shapes import Shape, shape_of
from exporter.matching.traces import Phase, begin, exception_in, follow, names_exception
from exporter.model import Level, LogLine

MAX_LINES = 2_000
MAX_BYTES = 1 << 20
MAX_SPAN = 30_000_000_000
"""Nanoseconds from an event's first line to its last."""

MAX_GAP = 2_000_000_000
"""Nanoseconds between two lines of an event, by their own time."""

MAX_DISTANCE = 20
"""How many other lines may stand between two lines of an event."""

MAX_LIVE = 8
MAX_EVENTS = 32
"""How many events of a component may go on at a time, and how many are remembered."""

KEPT_BYTES = 1024
"""How much of a line an event keeps."""


@dataclass(slots=True)
class Event:
    """A line, and those that continue it.

    Args:
        began: time of the first line in nanoseconds, 0 where lines have none.
        newest: time of the latest line.
        told: the line that names the exception, or else the first.
        counted: the meanings of the rules that have counted it.
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
    exception: str
    touched: float
    lines: int = 1
    size: int = 0
    settled: bool = False
    level: Level | None = None
    counted: list[str] = field(default_factory=list)

    @property
    def fields(self) -> dict[str, str]:
        """What a rule's own metric may take values from."""
        return {
            "exception": self.exception,
            "first_line": self.first_line,
            "last_line": self.last_line,
        }

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
            known |= {"phase": Phase(known["phase"]), "level": None if level is None else Level(level)}
            return cls(**known)
        except (KeyError, TypeError) as error:
            raise ValueError(f"an event cannot be read: {error!r}") from None


class OpenEvents:
    """The events of one component that may go on, the latest last."""

    def __init__(self, events: Sequence[Event] = ()) -> None:
        self.events = list(events)
        self._live: list[tuple[Event, int]] = []  # with the place of its latest line
        self._place = 0  # counts the lines that were looked at

    def take(
        self, lines: Sequence[LogLine], heads: Collection[int], now: float
    ) -> dict[int, Event]:
        """The events that lines belong to, by the index of the line.

        Args:
            lines: new lines of the component, in order.
            heads: indexes of the lines that begin an event unless they continue one.
            now: Unix seconds.
        """
        members: dict[int, Event] = {}
        self._revive(lines[0] if lines else None)
        waiting = iter(sorted(heads))
        head = next(waiting, None)
        index = 0
        while True:
            if not self._live:
                if head is None:
                    return members
                index = head
            elif index == len(lines):
                return members
            event = self._member(lines[index], begins=index == head, now=now)
            if event is not None:
                members[index] = event
            if index == head:
                head = next(waiting, None)
            index += 1

    def settle(self, until: float) -> list[Event]:
        """The events that are over since a time (Unix seconds), each handed out once.

        An event is over where a log was read whole after that time and showed no more of it.
        """
        over = [event for event in self.events if not event.settled and _last_seen(event) <= until]
        for event in over:
            event.settled = True
        return over

    def forget(self, until: float) -> None:
        """Let go of settled events that no line was added to since a time (Unix seconds)."""
        self.events = [
            event for event in self.events if not event.settled or event.touched > until
        ]

    def _member(self, line: LogLine, *, begins: bool, now: float) -> Event | None:
        self._place += 1
        message = line.message
        if self._live:
            shape = shape_of(message)
            if shape is not Shape.BLANK:
                for at in reversed(range(len(self._live))):
                    event, place = self._live[at]
                    if _goes_on(event, line, shape, self._place - place):
                        event.touched = now
                        del self._live[at]
                        self._live.append((event, self._place))
                        return event
        if begins:
            event = _begin(line, now)
            self.events.append(event)
            self._live.append((event, self._place))
            del self.events[:-MAX_EVENTS]
            del self._live[:-MAX_LIVE]
            return event
        if self._place - self._live[0][1] > MAX_DISTANCE:
            del self._live[0]
        return None

    def _revive(self, line: LogLine | None) -> None:
        """Let events go on whose time a text takes up again: their rest may come late."""
        if line is None or line.timestamp is None:
            return
        live = {id(event) for event, _ in self._live}
        for event in self.events:
            if id(event) not in live and abs(line.timestamp - event.newest) <= MAX_GAP:
                self._live.append((event, self._place))
        del self._live[:-MAX_LIVE]


def _begin(line: LogLine, now: float) -> Event:
    message = line.message
    phase = begin(message)
    text = _kept(message)
    if phase is Phase.EXCEPTION and message.endswith((b"{", b"[")):
        phase = Phase.TRACE  # properties follow at once, without a frame
    python = phase in (Phase.PYTHON, Phase.PYTHON_GROUP)
    return Event(
        phase=phase,
        indent=_indent(message),
        began=line.timestamp or 0,
        newest=line.timestamp or 0,
        first_line=text,
        last_line=text,
        told=text,
        exception="" if python else exception_in(message),
        touched=now,
        size=line.size,
    )


def _goes_on(event: Event, line: LogLine, shape: Shape, distance: int) -> bool:
    """Add a line to an event, if it continues it."""
    message = line.message
    deeper = _indent(message) > event.indent
    after = follow(event.phase, shape, deeper=deeper, distance=distance)
    if after is None or not _within_bounds(event, line):
        return False
    before, event.phase = event.phase, after
    if names_exception(before, after, shape, message) and not (
        after is Phase.PYTHON_GROUP and event.exception
    ):
        event.told, event.exception = _kept(message), exception_in(message)
    elif after is Phase.PYTHON_GROUP and before is not after:
        event.exception = ""  # that of the group is to come
    event.last_line = _kept(message)
    event.newest = max(event.newest, line.timestamp or 0)
    event.lines += 1
    event.size += line.size
    return True


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


def _kept(message: bytes) -> str:
    return message[:KEPT_BYTES].decode("utf-8", "replace").strip()
