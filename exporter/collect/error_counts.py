"""Kinds of errors per component: how many there were lately, which were never seen before.

Each kind is a document beside the counts, so that after a restart nothing is new again.
"""

import logging
from collections.abc import Callable

from exporter.collect.ledger import Ledger
from exporter.collect.notifier import Notifier
from exporter.errors import StateError
from exporter.logs.lines import NANOSECONDS
from exporter.logs.redaction import redact
from exporter.matching.error_kinds import FRESH_SECONDS, REST, ErrorKinds, Kind
from exporter.metrics import Metrics
from exporter.model import ComponentKey, ErrorKind, Level

LOG = logging.getLogger(__name__)

DOCUMENT = "error_kind"


class ErrorCounts:
    """The error kinds of every component; the ledger's lock is held around every call.

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
        self._open: dict[ComponentKey, ErrorKinds] = {}

    def take(self, key: ComponentKey, message: bytes, level: Level, timestamp: int | None) -> None:
        """Count an error: ``timestamp`` is its time in nanoseconds, None where it has none."""
        kinds = self._kinds(key)
        at = self._clock() if timestamp is None else timestamp / NANOSECONDS
        kind, new = kinds.take(message, level, at)
        for number in kinds.forgotten():
            self._ledger.discard(DOCUMENT, key.parts, str(number))
        self._ledger.keep(DOCUMENT, key.parts, str(kind.number), kind.to_bytes)
        if new:
            self._ledger.add(self._metrics.new_error_kinds, key.parts, 1)
            fields = {"source": key, "error_level": kind.level, "text": kind.sample}
            LOG.warning("new kind of error", extra={"fields": fields})
            self._notifier.new_error_group(key, kind.level, kind.sample, at)

    def refresh(self, key: ComponentKey) -> None:
        """Show how many kinds of a component were seen in the last hour."""
        recent = self._kinds(key).seen_since(self._clock() - FRESH_SECONDS)
        self._metrics.error_kinds.labels(*key.parts).set(recent)

    def of(self, key: ComponentKey) -> tuple[ErrorKind, ...]:
        """Every kind of a component, those seen last first."""
        kinds = self._open[key].kinds.values() if key in self._open else ()
        return tuple(map(_shown, sorted(kinds, key=lambda kind: -kind.last_seen)))

    def close(self, key: ComponentKey) -> None:
        """A component is gone; what the ledger keeps of it may be taken up again."""
        self._open.pop(key, None)
        self._notifier.forget(key)

    def _kinds(self, key: ComponentKey) -> ErrorKinds:
        if key not in self._open:
            documents = self._ledger.kept(DOCUMENT, key.parts).values()
            try:
                self._open[key] = ErrorKinds(map(Kind.from_bytes, documents), redact)
            except ValueError as error:
                raise StateError(f"state of {key}: {error}") from None
        return self._open[key]


def _shown(kind: Kind) -> ErrorKind:
    return ErrorKind(
        level=kind.level,
        template=kind.template if kind.number != REST else "(more kinds than are told apart)",
        sample=kind.sample,
        count=kind.count,
        first_seen=kind.first_seen,
        last_seen=kind.last_seen,
    )
