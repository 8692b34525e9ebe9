"""Error groups per component: how many there were lately, which were never seen before.

Each group is a document beside the counts, so that after a restart nothing is new again.
"""

import logging
from collections.abc import Callable

from exporter.counting.ledger import Ledger
from exporter.counting.notifier import Notifier
from exporter.errors import StateError
from exporter.logs.lines import NANOSECONDS
from exporter.logs.redaction import redact
from exporter.matching.grouping.error_groups import FRESH_SECONDS, REST, ErrorGroups, Group
from exporter.model import ComponentKey, ErrorGroup, Level
from exporter.telemetry.metrics import Metrics

LOG = logging.getLogger(__name__)

DOCUMENT = "error_kind"  # the name in the state of all versions


class ErrorCounts:
    """The error groups of every component; the ledger's lock is held around every call.

    Args:
        clock: Unix seconds.
    """

    def __init__(
        self, metrics: Metrics, ledger: Ledger, clock: Callable[[], float], notifier: Notifier
    ) -> None:
        self._metrics = metrics
        self._ledger = ledger
        self._clock = clock
        self._notifier = notifier
        self._open: dict[ComponentKey, ErrorGroups] = {}

    def take(self, key: ComponentKey, message: bytes, level: Level, timestamp: int | None) -> None:
        """Count an error: ``timestamp`` is its time in nanoseconds, None where it has none."""
        groups = self._groups(key)
        at = self._clock() if timestamp is None else timestamp / NANOSECONDS
        group, new = groups.take(message, level, at)
        for number in groups.forgotten():
            self._ledger.discard(DOCUMENT, key.parts, str(number))
        self._ledger.keep(DOCUMENT, key.parts, str(group.number), group.to_bytes)
        if new:
            self._ledger.add(self._metrics.new_error_groups, key.parts, 1)
            fields = {"source": key, "error_level": group.level, "text": group.sample}
            LOG.warning("new error group", extra={"fields": fields})
            self._notifier.new_error_group(key, group.level, group.sample, at)

    def refresh(self, key: ComponentKey) -> None:
        """Show how many groups of a component were seen in the last hour."""
        recent = self._groups(key).seen_since(self._clock() - FRESH_SECONDS)
        self._metrics.error_groups.labels(*key.parts).set(recent)

    def of(self, key: ComponentKey) -> tuple[ErrorGroup, ...]:
        """Every group of a component, those seen last first."""
        groups = self._open[key].groups.values() if key in self._open else ()
        return tuple(map(_shown, sorted(groups, key=lambda group: -group.last_seen)))

    def close(self, key: ComponentKey) -> None:
        """A component is gone; what the ledger keeps of it may be taken up again."""
        self._open.pop(key, None)
        self._notifier.forget(key)

    def _groups(self, key: ComponentKey) -> ErrorGroups:
        if key not in self._open:
            documents = self._ledger.kept(DOCUMENT, key.parts).values()
            try:
                self._open[key] = ErrorGroups(map(Group.from_bytes, documents), redact)
            except ValueError as error:
                raise StateError(f"state of {key}: {error}") from None
        return self._open[key]


def _shown(group: Group) -> ErrorGroup:
    return ErrorGroup(
        level=group.level,
        template=group.template if group.number != REST else "(more groups than are told apart)",
        sample=group.sample,
        count=group.count,
        first_seen=group.first_seen,
        last_seen=group.last_seen,
    )
