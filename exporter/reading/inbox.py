"""Counts the lines that are pushed to one account: each batch once, kept before it is answered."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from exporter.counting.component import ReceivedLines
from exporter.counting.pipeline import Pipeline
from exporter.counting.received import Received
from exporter.errors import RequestRefused
from exporter.logs.lines import CutLine, columns_of
from exporter.logs.log_lines import LogLines
from exporter.model import Component, ComponentKey, LogType, Source
from exporter.receiving.batches import BATCHES, MESSAGES
from exporter.receiving.intake import Taken
from exporter.state.store import CursorKey

LATE_SECONDS = 30.0
"""How late a line may come that belongs to a stack trace which began before."""

RETRY_SECONDS = 10
"""After what time a sender may try again whose lines could not be kept."""


class Delivered(NamedTuple):
    """What came of the lines of one request.

    Args:
        returned: components that were polled until now.
        ended: components of which a line of the platform tells that a container ended.
    """

    taken: Taken
    returned: Sequence[ComponentKey]
    ended: Sequence[ComponentKey]


class Inbox:
    """Takes lines of components that are received.

    Args:
        clock: Unix seconds.
        monotonic: seconds that only grow.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        received: Received,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._pipeline = pipeline
        self._received = received
        self._clock = clock
        self._monotonic = monotonic

    def knows(self, key: ComponentKey) -> bool:
        """Whether a component is watched, and its lines are to be received."""
        return self._received.receives(key) and self._pipeline.series.is_open(key)

    def take(self, digest: bytes, lines: Mapping[ComponentKey, list[bytes]]) -> Delivered:
        """Count lines; a batch that was counted before is not counted again.

        Raises:
            RequestRefused: a component of the lines is not watched any more.
        """
        counted = repeated = 0
        returned, ended = [], []
        with self._pipeline.transaction():
            if not all(map(self._pipeline.series.is_open, lines)):
                reason = "a component is gone, or the configuration was reloaded; try again"
                raise RequestRefused("unavailable", reason, 503, retry_after=1)
            for key, raws in lines.items():
                if self._is_read_by_runs(key):
                    repeated += len(raws)
                    continue
                component = self._received.of(key)
                component.latest, component.last_received = self._monotonic(), self._clock()
                if component.change_over.polled:
                    component.change_over.come_back(component.latest)
                    returned.append(key)
                fresh = self._count(key, component, digest, raws)
                counted, repeated = counted + fresh, repeated + len(raws) - fresh
                if self._pipeline.exits.waiting(key):
                    ended.append(key)
        return Delivered(Taken(counted, repeated), returned, ended)

    def keep(self) -> None:
        """Keep what was counted, where state is durable.

        Raises:
            RequestRefused: it could not be kept. It is kept with the next batch that can be saved,
                and known when the same batch comes again.
        """
        if not self._pipeline.ledger.flush():
            reason = "the state cannot be saved; try again"
            raise RequestRefused("unavailable", reason, 503, retry_after=RETRY_SECONDS)

    def watch(self, key: ComponentKey, component: Component, deployment_id: str) -> None:
        """Lines of a component are awaited, under the deployment that is active now."""
        with self._pipeline.transaction():
            self._received.of(key).running = component, deployment_id

    def silent(self, key: ComponentKey, seconds: float) -> bool:
        """Whether nothing of a component came for so long, and it is not polled yet."""
        with self._pipeline.transaction():
            component = self._received.of(key)
            waited = self._monotonic() - component.latest
            return waited >= seconds and not component.change_over.polled

    def is_polled(self, key: ComponentKey) -> bool:
        """Whether a component is polled, since nothing came."""
        with self._pipeline.transaction():
            return self._received.of(key).change_over.polled

    def fall_back(self, key: ComponentKey) -> None:
        """A component is polled from now on."""
        with self._pipeline.transaction():
            self._received.of(key).change_over.fall_back()
        self._pipeline.show(self._pipeline.metrics.receiving, key, False)

    def seen(self, key: ComponentKey) -> tuple[float | None, int, int]:
        """When lines of a component came last (Unix s), the newest one's time (ns), their number.

        The first is None, and the others 0, where none did yet.
        """
        with self._pipeline.transaction():
            component = self._received.of(key)
            return component.last_received, component.newest, component.lines

    def note_receiving(self, source: Source, at: float) -> None:
        """A log is received, whether or not lines came; ``at``: Unix seconds."""
        self._pipeline.note_read(source, at)
        with self._pipeline.transaction():
            self._pipeline.settle_events(source.key, at - LATE_SECONDS)
            running = self._received.of(source.key).running
            if running is not None and self._pipeline.series.is_open(source.key):
                component, deployment_id = running
                cursor = CursorKey(source.key, deployment_id)
                self._pipeline.exits.settle(cursor, component, run_at=at - LATE_SECONDS)
        self._pipeline.show(self._pipeline.metrics.receiving, source.key, True)

    def forget(self, key: ComponentKey) -> None:
        """Lines of a component are no longer awaited; the ledger keeps what may be needed again."""
        with self._pipeline.transaction():
            self._received.forget(key)

    def _is_read_by_runs(self, key: ComponentKey) -> bool:
        """Return whether a component is a job the logs of whose runs are read: they count."""
        component = self._pipeline.series.watched(key)
        return component is not None and self._pipeline.series.observes(component.spec)

    def _count(
        self, key: ComponentKey, component: ReceivedLines, digest: bytes, raws: list[bytes]
    ) -> int:
        """Count the lines of a component in one batch; returns how many counted."""
        now = self._clock()
        if component.batches.knows(digest, now):
            return 0
        raws = _cut(raws, self._pipeline.limits.max_line_bytes)
        timestamps, messages = columns_of(raws)
        lines = LogLines(raws, timestamps)
        fresh = component.change_over.judge_received(messages, component.latest)
        counted = lines if len(fresh) == len(lines) else LogLines.of([lines[i] for i in fresh])
        source = Source("", key, LogType.RUN)
        self._pipeline.count_fresh(source, counted, len(lines) - len(counted))
        component.newest = max(component.newest, counted.newest)
        component.lines += len(counted)
        self._pipeline.note_newest(source, component.newest)
        if component.running is not None:
            what, deployment_id = component.running
            self._pipeline.exits.take(CursorKey(key, deployment_id), what, counted.raws)
        self._pipeline.settle_events(key, now - LATE_SECONDS)
        name, kept = component.batches.add(digest, now), self._pipeline.ledger.documents.keep
        kept(BATCHES, key.parts, name, partial(component.batches.document, name))
        kept(MESSAGES, key.parts, "", component.change_over.kept)
        return len(counted)


def _cut(raws: list[bytes], max_line_bytes: int) -> list[bytes]:
    """Lines as a poll would have them: cut at the configured length."""
    if max(map(len, raws), default=0) <= max_line_bytes:
        return raws
    return [
        raw if len(raw) <= max_line_bytes else CutLine(raw[:max_line_bytes], len(raw))
        for raw in raws
    ]
