"""Which matches count where lines are parts of events: of rules about events, one an event."""

from collections.abc import Mapping, Sequence

from exporter.matching.engine import Match
from exporter.matching.traces.events import Event, OpenEvents, kept
from exporter.matching.traces.grammar import HEADS
from exporter.model import ERRORS, Level, LogLine, Rule

WORST = (Level.ERROR, Level.CRITICAL)
BADNESS = WORST.index


class EventMatches:
    """Tells the matches that count from those that say again what an event has counted.

    Args:
        rules: the rules in force, in the order in which the engine has them; behind them it has
            ``HEADS``.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        self.identities = [f"{rule.name} {rule.meaning}" for rule in rules]
        self.indexes = {identity: index for index, identity in enumerate(self.identities)}
        self.heads = frozenset(range(len(self.rules), len(self.rules) + len(HEADS)))
        per_event = (index for index, rule in enumerate(self.rules) if rule.per_event)
        self._begin_events = self.heads.union(per_event)

    def take(
        self, events: OpenEvents, lines: Sequence[LogLine], found: Sequence[Match], now: float
    ) -> tuple[list[Match], Mapping[int, Event]]:
        """Return the matches that count, and the events that lines belong to by their index.

        Args:
            events: those of the component; they continue with the lines.
            lines: new lines of the component, in order.
            found: all that the engine found in them.
            now: Unix seconds.
        """
        heads = {match.message for match in found if match.rule in self._begin_events}
        if not lines or not (heads or events.events):
            return [match for match in found if match.rule not in self.heads], {}
        members = events.take(lines, heads, now)
        return [match for match in found if self._counts(match, lines, members)], members

    def begins_events(self, rule: int) -> bool:
        """Return whether a match of a rule, by its index, may begin an event."""
        return rule in self._begin_events

    def _counts(self, match: Match, lines: Sequence[LogLine], members: Mapping[int, Event]) -> bool:
        """Note a match in the event of its line, if there is one; False if that has it already."""
        if match.rule in self.heads:
            return False
        rule, event = self.rules[match.rule], members.get(match.message)
        if event is None:
            return True
        if not event.is_of(rule.language):
            return False
        if rule.level in ERRORS:
            event.level = max(event.level or rule.level, rule.level, key=BADNESS)
        if not rule.per_event:
            return True
        identity = self.identities[match.rule]
        if identity in event.counted:
            return False
        event.counted.append(identity)
        if rule.metric is not None:
            line = lines[match.message]
            event.waiting.append((identity, kept(line.message), line.timestamp))
        return True
