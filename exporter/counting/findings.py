"""Which matches count: those of rules per line all, others once for each event.

Those at error level tell what error group it is: of an event, its exception's line.

The open events of a component are kept as a document beside its counts, and change in
the same transaction: so an event that a kill cuts in two still counts once.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from exporter.counting.component import WatchedComponent
from exporter.counting.error_counts import ErrorCounts
from exporter.counting.ledger import Ledger
from exporter.counting.rule_metrics import Found
from exporter.errors import StateError
from exporter.logs.log_lines import LogLines
from exporter.logs.unfinished import unfinished
from exporter.matching.engine import Match
from exporter.matching.traces.event_matches import BADNESS, EventMatches
from exporter.matching.traces.events import Event, OpenEvents
from exporter.model import ERRORS, ComponentKey, Level, LogLine, Rule

DOCUMENT = "events"

SETTLE_SECONDS = 10.0
"""How long a log must have had to show more of an event, before the event is over."""

FORGET_SECONDS = 900.0
"""How long an event is known: its rest may come late, from RUN_RESTARTED."""


class Taken(NamedTuple):
    """The matches in new lines that count now, and what was found in events that are over."""

    matches: list[Match]
    found: list[Found]


class Findings:
    """The events of every component; the ledger's lock is held around every call.

    Args:
        rules: the rules in force, in the order in which the engine has them; behind them it has
            ``HEADS``.
        clock: Unix seconds.
    """

    def __init__(
        self,
        ledger: Ledger,
        rules: Sequence[Rule],
        errors: ErrorCounts,
        clock: Callable[[], float],
    ) -> None:
        self.clock = clock
        self.errors = errors
        self._ledger = ledger
        self._matches = EventMatches(rules)
        self.heads = self._matches.heads

    def lines_before(self, component: WatchedComponent, lines: LogLines) -> Sequence[bytes]:
        """Return the lines of a component before new ones, as far as one record may hold both."""
        before = component.unfinished
        component.unfinished = unfinished(before, lines.raws, lines[-1].message)
        return before

    def take(
        self, component: WatchedComponent, lines: Sequence[LogLine], found: Sequence[Match]
    ) -> Taken:
        """Return what counts of all that the engine found in new lines of a component."""
        events = self.events_of(component)
        matches, members = self._matches.take(events, lines, found, self.clock())
        self._take_errors(component, lines, matches, members)
        over = self._hand_out(component, events.pushed_out())
        if members:
            self._keep(component.key, events)
        return Taken(matches, over)

    def settle(self, component: WatchedComponent, until: float) -> list[Found]:
        """Return what rules found in events that are over, with what is known of each event.

        Args:
            until: Unix seconds; the component's log was read up to then.
        """
        events = self.events_of(component)
        found: list[Found] = []
        if events.events:
            found = self._hand_out(component, events.settle(until - SETTLE_SECONDS))
            events.forget(until - FORGET_SECONDS)
            self._keep(component.key, events)
        self.errors.refresh(component)
        return found

    def events_of(self, component: WatchedComponent) -> OpenEvents:
        """Return the events of a component, read from the ledger at their first use."""
        if component.events is None:
            key = component.key
            document = self._ledger.documents.kept(DOCUMENT, key.parts).get("")
            component.events = OpenEvents() if document is None else _read(key, document)
        return component.events

    def _take_errors(
        self,
        component: WatchedComponent,
        lines: Sequence[LogLine],
        matches: Iterable[Match],
        members: Mapping[int, Event],
    ) -> None:
        """Tell the kind of each line at error level that is no part of an event."""
        levels: dict[int, Level] = {}
        for match in matches:
            level = self._matches.rules[match.rule].level
            if level in ERRORS and match.message not in members:
                levels[match.message] = max(levels.get(match.message, level), level, key=BADNESS)
        for index, level in levels.items():
            line = lines[index]
            self.errors.take(component, line.message, level, line.timestamp)

    def _hand_out(self, component: WatchedComponent, over: Iterable[Event]) -> list[Found]:
        """Return what waited for the end of events."""
        found = []
        for event in over:
            if event.level is not None:
                at = event.newest or None
                self.errors.take(component, event.told.encode(), event.level, at)
            found += [
                Found(self._matches.indexes[identity], _line(message, timestamp), event.fields)
                for identity, message, timestamp in event.waiting
                if identity in self._matches.indexes
            ]
        return found

    def _keep(self, key: ComponentKey, events: OpenEvents) -> None:
        if events.to_be_known:
            self._ledger.documents.keep(DOCUMENT, key.parts, "", partial(_written, events))
        else:
            self._ledger.documents.discard(DOCUMENT, key.parts, "")


def _line(text: str, timestamp: int | None) -> LogLine:
    message = text.encode()
    return LogLine(message, len(message) + 1, timestamp, message)


def _written(events: OpenEvents) -> bytes:
    return json.dumps(events.to_json()).encode()


def _read(key: ComponentKey, document: bytes) -> OpenEvents:
    try:
        return OpenEvents.from_json(json.loads(document))
    except (ValueError, TypeError) as error:
        raise StateError(f"state of {key}: its events cannot be read: {error}") from None
