"""Error groups per component: how many there were lately, which were never seen before.

Each group is a document beside the counts, so that after a restart nothing is new again.
"""

import logging
from collections.abc import Callable

from exporter.counting.component import WatchedComponent
from exporter.counting.ledger import Ledger
from exporter.counting.notifier import Notifier
from exporter.errors import StateError
from exporter.logs.lines import NANOSECONDS
from exporter.logs.platform_lines import exit_line
from exporter.logs.redaction import redact
from exporter.matching.grouping.error_groups import FRESH_SECONDS, REST, ErrorGroups, Group
from exporter.model import ErrorGroup, ErrorLine, Level
from exporter.telemetry.metrics import Metrics

LOG = logging.getLogger(__name__)

LONGEST = 500
"""Bytes that are kept of a recent error."""

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

    def take(
        self, component: WatchedComponent, message: bytes, level: Level, timestamp: int | None
    ) -> None:
        """Count an error: ``timestamp`` is its time in nanoseconds, None where it has none.

        The platform's line about an exit is part of that container end, and no kind of error.
        """
        at = self._clock() if timestamp is None else timestamp / NANOSECONDS
        component.recent_errors.append(ErrorLine(at, message[:LONGEST], redact))
        if exit_line(message) is not None:
            return
        key, groups = component.key, self.groups_of(component)
        group, new = groups.take(message, level, at)
        for number in groups.forgotten():
            self._ledger.documents.discard(DOCUMENT, key.parts, str(number))
        self._ledger.documents.keep(DOCUMENT, key.parts, str(group.number), group.to_bytes)
        if new:
            self._ledger.add(self._metrics.new_error_groups, key.parts, 1)
            fields = {"source": key, "error_level": group.level, "text": group.sample}
            LOG.warning("new error group", extra={"fields": fields})
            self._notifier.new_error_group(component, group.level, group.sample, at)

    def refresh(self, component: WatchedComponent) -> None:
        """Publish how many groups of a component were seen in the last hour."""
        recent = self.groups_of(component).seen_since(self._clock() - FRESH_SECONDS)
        self._metrics.error_groups.labels(*component.key.parts).set(recent)

    def groups_of(self, component: WatchedComponent) -> ErrorGroups:
        """Return the groups of a component, read from the ledger at their first use."""
        if component.error_groups is None:
            key = component.key
            documents = self._ledger.documents.kept(DOCUMENT, key.parts).values()
            try:
                component.error_groups = ErrorGroups(map(Group.from_bytes, documents), redact)
            except ValueError as error:
                raise StateError(f"state of {key}: {error}") from None
        return component.error_groups


def error_groups_of(component: WatchedComponent | None) -> tuple[ErrorGroup, ...]:
    """Return every error group that is known of a component, those seen last first."""
    if component is None or component.error_groups is None:
        return ()
    groups = component.error_groups.groups.values()
    return tuple(map(_shown, sorted(groups, key=lambda group: -group.last_seen)))


def recent_errors_of(component: WatchedComponent | None) -> tuple[ErrorLine, ...]:
    """Return the latest errors of a component, the newest first."""
    lines = component.recent_errors if component is not None else ()
    return tuple(sorted(lines, key=lambda line: -line.at))


def _shown(group: Group) -> ErrorGroup:
    return ErrorGroup(
        level=group.level,
        template=group.template
        if group.number != REST
        else "(groups beyond the most that are kept)",
        sample=group.sample,
        count=group.count,
        first_seen=group.first_seen,
        last_seen=group.last_seen,
    )
