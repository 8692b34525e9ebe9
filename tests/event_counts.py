"""What rules count in a text, each event once by the rules about events, as the exporter does."""

from collections import Counter
from collections.abc import Sequence
from functools import cache

from exporter.logs.unwrap import Unwrapping, unwrap
from exporter.matching.engine import Engine
from exporter.matching.traces.events import OpenEvents
from exporter.matching.traces.grammar import HEADS
from exporter.model import LogLine, Rule

MILLISECOND = 1_000_000


@cache
def _engine(rules: tuple[Rule, ...]) -> Engine:
    return Engine((*rules, *HEADS), unwrap=Unwrapping())


def event_counts(rules: Sequence[Rule], messages: Sequence[bytes]) -> Counter[str]:
    """What each rule counts, by its name; the lines come a millisecond apart."""
    rules = tuple(rules)
    found = _engine(rules).scan(messages)
    lines = [
        LogLine(message, len(message) + 1, 10**18 + index * MILLISECOND, unwrap(message))
        for index, message in enumerate(messages)
    ]
    begins = {m.message for m in found if m.rule >= len(rules) or rules[m.rule].per_event}
    members = OpenEvents().take(lines, begins, 0.0) if lines else {}
    counts: Counter[str] = Counter()
    seen = set()
    for match in found:
        if match.rule >= len(rules):
            continue
        rule = rules[match.rule]
        event = members.get(match.message)
        if event is not None and rule.per_event:
            key = (id(event), rule.name)
            if key in seen or not event.is_of(rule.language):
                continue
            seen.add(key)
        counts[rule.name] += 1
    return counts
