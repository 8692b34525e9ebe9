"""What becomes of matches: those of rules per line count as they are, others once an event.

Those at error level tell what kind of error it is: of an event, its exception's line.

The events of a component that may go on are kept as a document beside its counts, and change in
the same transaction: so an event that a kill cuts in two still counts once.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from exporter.collect.error_counts import ErrorCounts
from exporter.collect.ledger import Ledger
from exporter.collect.rule_metrics import Found
from exporter.errors import StateError
from exporter.logs.log_lines import LogLines
from exporter.logs.unfinished import unfinished
from exporter.matching.engine import Match
from exporter.matching.events import Event, OpenEvents, kept
from exporter.matching.traces import HEADS
from exporter.model import ComponentKey, Level, LogLine, Rule

DOCUMENT = "events"

SETTLE_SECONDS = 10.0
"""How long a log must have had to show more of an event, before the event is over."""

FORGET_SECONDS = 900.0
"""How long an event is known: its rest may come late, from RUN_RESTARTED."""


class Taken(NamedTuple):
    """The matches in new lines that count now, and what was found in events that are over."""

    matches: list[Match]
    found: list[Found]


_ERRORS = (Level.ERROR, Level.CRITICAL)
_BADNESS = _ERRORS.index


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
        self._rules = tuple(rules)
        self._identities = [f"{rule.name} {rule.meaning}" for rule in rules]
        self._indexes = {identity: index for index, identity in enumerate(self._identities)}
        self._open: dict[ComponentKey, OpenEvents] = {}
        self._unfinished: dict[ComponentKey, Sequence[bytes]] = {}
        self.heads = frozenset(range(len(self._rules), len(self._rules) + len(HEADS)))
        per_event = (index for index, rule in enumerate(self._rules) if rule.per_event)
        self._begin_events = self.heads.union(per_event)

    def lines_before(self, key: ComponentKey, lines: LogLines) -> Sequence[bytes]:
        """Return the lines of a component before new ones, as far as one record may hold both."""
        before = self._unfinished.pop(key, ())
        if after := unfinished(before, lines.raws, lines[-1].message):
            self._unfinished[key] = after
        return before

    def take(self, key: ComponentKey, lines: Sequence[LogLine], found: Sequence[Match]) -> Taken:
        """What counts of all that the engine found in new lines of a component."""
        heads = {match.message for match in found if match.rule in self._begin_events}
        events = self._events(key)
        if not lines or not (heads or events.events):
            self._take_errors(key, lines, found, {})
            return Taken(list(found), [])
        members = events.take(lines, heads, self.clock())
        matches = [match for match in found if self._counts(match, lines, members)]
        self._take_errors(key, lines, matches, members)
        over = self._hand_out(key, events.pushed_out())
        if members:
            self._keep(key, events)
        return Taken(matches, over)

    def settle(self, key: ComponentKey, until: float) -> list[Found]:
        """What rules found in events that are over, with what is known of each event.

        Args:
            until: Unix seconds; the component's log was read up to then.
        """
        events = self._events(key)
        found: list[Found] = []
        if events.events:
            found = self._hand_out(key, events.settle(until - SETTLE_SECONDS))
            events.forget(until - FORGET_SECONDS)
            self._keep(key, events)
        self.errors.refresh(key)
        return found

    def close(self, key: ComponentKey) -> None:
        """A component is gone; what the ledger keeps of it may be taken up again."""
        self._open.pop(key, None)
        self._unfinished.pop(key, None)
        self.errors.close(key)

    def _take_errors(
        self,
        key: ComponentKey,
        lines: Sequence[LogLine],
        matches: Iterable[Match],
        members: Mapping[int, Event],
    ) -> None:
        """Tell the kind of each line at error level that is no part of an event."""
        levels: dict[int, Level] = {}
        for match in matches:
            level = self._rules[match.rule].level
            if level in _ERRORS and match.message not in members:
                levels[match.message] = max(levels.get(match.message, level), level, key=_BADNESS)
        for index, level in levels.items():
            line = lines[index]
            self.errors.take(key, line.message, level, line.timestamp)

    def _hand_out(self, key: ComponentKey, over: Iterable[Event]) -> list[Found]:
        """What waited for the end of events."""
        found = []
        for event in over:
            if event.level is not None:
                self.errors.take(key, event.told.encode(), event.level, event.newest or None)
            found += [
                Found(self._indexes[identity], _line(message, timestamp), event.fields)
                for identity, message, timestamp in event.waiting
                if identity in self._indexes
            ]
        return found

    def _counts(self, match: Match, lines: Sequence[LogLine], members: Mapping[int, Event]) -> bool:
        """Note a match in the event of its line, if there is one; False if that has it already."""
        if match.rule in self.heads:
            return False
        rule, event = self._rules[match.rule], members.get(match.message)
        if event is None:
            return True
        if not event.is_of(rule.language):
            return False
        if rule.level in _ERRORS:
            event.level = max(event.level or rule.level, rule.level, key=_BADNESS)
        if not rule.per_event:
            return True
        identity = self._identities[match.rule]
        if identity in event.counted:
            return False
        event.counted.append(identity)
        if rule.metric is not None:
            line = lines[match.message]
            event.waiting.append((identity, kept(line.message), line.timestamp))
        return True

    def _events(self, key: ComponentKey) -> OpenEvents:
        if key not in self._open:
            document = self._ledger.kept(DOCUMENT, key.parts).get("")
            self._open[key] = OpenEvents() if document is None else _read(key, document)
        return self._open[key]

    def _keep(self, key: ComponentKey, events: OpenEvents) -> None:
        if events.to_be_known:
            self._ledger.keep(DOCUMENT, key.parts, "", partial(_written, events))
        else:
            self._ledger.discard(DOCUMENT, key.parts, "")


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
