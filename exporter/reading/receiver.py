"""Watches components whose RUN log is pushed; stands in front of the reader of all others.

The reader still reads RUN_RESTARTED of received components, for their container ends alone, and RUN
of one from which nothing came for a while, until lines are pushed again.
"""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

from exporter.logs.lines import NANOSECONDS
from exporter.model import (
    Component,
    ComponentHealth,
    ComponentKey,
    Deployment,
    LogType,
    Source,
    SourceStatus,
)
from exporter.reading.inbox import Inbox
from exporter.reading.poller import Poller
from exporter.reading.reader import Reader
from exporter.receiving.intake import Taken

LOG = logging.getLogger(__name__)

SILENCE_SECONDS = 600.0
"""A component from which nothing came for so long, while it lives, is polled."""

BEAT_SECONDS = 10.0
"""How often silence is looked for, and that a log is received is noted."""


@dataclass(frozen=True, slots=True)
class _Received:
    """A RUN log that is received: what a poll in its place would need to know."""

    component: Component
    active: Deployment
    from_first_line: bool


class Receiver:
    """Watches all sources: RUN of received components by itself, the others through the reader.

    Args:
        reader: reads the sources of all other components.
        poller: the same, or what stands behind it.
        inbox: counts what is pushed.
        receives: whether a component's lines are to be received.
        health_of: what the platform last said of a component; None if nothing.
        clock: Unix seconds.
    """

    def __init__(
        self,
        reader: Reader,
        poller: Poller,
        inbox: Inbox,
        receives: Callable[[ComponentKey], bool],
        health_of: Callable[[ComponentKey], ComponentHealth | None],
        clock: Callable[[], float],
    ) -> None:
        self._reader = reader
        self._poller = poller
        self.inbox = inbox
        self._receives = receives
        self._health_of = health_of
        self._clock = clock
        self._received: dict[Source, _Received] = {}
        self._polled: set[Source] = set()
        self._lock = Lock()

    def watch(
        self,
        source: Source,
        component: Component,
        active: Deployment,
        *,
        between: Sequence[Deployment] = (),
        from_first_line: bool = False,
    ) -> None:
        """Read a source from now on, or continue with it under another deployment."""
        if not self._receives(source.key) or source.log_type is not LogType.RUN:
            self._reader.watch(
                source, component, active, between=between, from_first_line=from_first_line
            )
            return
        with self._lock:
            before = self._received.get(source)
            self._received[source] = _Received(component, active, from_first_line)
        self.inbox.watch(source.key, component, active.id)
        with self._lock:
            polled = source in self._polled
        if before is None and self.inbox.is_polled(source.key):  # before a reload
            with self._lock:
                self._polled.add(source)
            polled = True
        if polled:
            self._poller.watch(
                source, component, active, between=between, from_first_line=from_first_line
            )
        else:
            self.inbox.note_receiving(source, self._clock())

    def hand_over_nears(self, app_id: str) -> None:
        """Read the RUN logs of an app now that are not received."""
        self._reader.hand_over_nears(app_id)

    def unwatch(self, source: Source) -> None:
        """Read a source no more."""
        with self._lock:
            received = self._received.pop(source, None)
            polled = source in self._polled
            self._polled.discard(source)
        if received is None:
            self._reader.unwatch(source)
            return
        self.inbox.forget(source.key)
        if polled:
            self._poller.unwatch(source)

    def polled(self) -> Counter[LogType]:
        """How many requests read the logs of each type, each interval."""
        return self._poller.polled()

    def repace(self, factor: float, stretch: float) -> None:
        """Intervals became longer by ``factor``, or shorter; they are ``stretch`` times as long."""
        self._poller.repace(factor, stretch)

    def sources(self) -> list[Source]:
        """Every source that is watched."""
        with self._lock:
            return list({*self._received, *self._reader.sources()})

    def waiting(self) -> int:
        """How many sources still wait for a first read to be tried."""
        return self._reader.waiting()

    def statuses(self) -> list[SourceStatus]:
        """How each source stands."""
        with self._lock:
            pushed = [source for source in self._received if source not in self._polled]
        return [*map(self._status, pushed), *self._reader.statuses()]

    def beat(self) -> None:
        """Note what is received, and poll what has become silent; to be called now and then."""
        with self._lock:
            received = [source for source in self._received if source not in self._polled]
        for source in received:
            if self.inbox.silent(source.key, SILENCE_SECONDS) and self._lives(source.key):
                self._fall_back(source)
            else:
                self.inbox.note_receiving(source, self._clock())

    def take(self, digest: bytes, lines: Mapping[ComponentKey, list[bytes]]) -> Taken:
        """Count pushed lines, and keep that; what was polled until now is polled no more.

        Raises:
            RequestRefused: they could not be kept.
        """
        delivered = self.inbox.take(digest, lines)
        for key in delivered.returned:
            self._come_back(key)
        for key in delivered.ended:
            self._look_for_an_end(key)
        self.inbox.keep()
        return delivered.taken

    def _look_for_an_end(self, key: ComponentKey) -> None:
        """Read RUN_RESTARTED of a component now: it shows the last words of what has ended."""
        with self._lock:
            found = [source for source in self._received if source.key == key]
        for source in found:
            self._poller.read_soon(Source(source.app_id, key, LogType.RUN_RESTARTED))

    def _come_back(self, key: ComponentKey) -> None:
        with self._lock:
            back = [source for source in self._polled if source.key == key]
            self._polled.difference_update(back)
        for source in back:
            self._poller.unwatch(source)
            LOG.info("log is pushed again, not polled any more", extra=_fields(source))

    def _fall_back(self, source: Source) -> None:
        with self._lock:
            received = self._received.get(source)
            if received is None:
                return
            self._polled.add(source)
        self.inbox.fall_back(source.key)
        LOG.warning(
            "nothing was pushed for ten minutes, polling the log until something is: see the "
            "component's log_destinations",
            extra=_fields(source),
        )
        self._poller.watch(
            source,
            received.component,
            received.active,
            from_first_line=received.from_first_line,
        )

    def _lives(self, key: ComponentKey) -> bool:
        """Whether instances of a component run, as far as the platform says."""
        health = self._health_of(key)
        return health is None or health.replicas_ready != 0

    def _status(self, source: Source) -> SourceStatus:
        last, newest, lines = self.inbox.seen(source.key)
        return SourceStatus(
            app=source.key.app,
            component=source.key.component,
            log_type=source.log_type,
            state="up" if last is not None else "waiting",
            last_read=last,
            last_line=newest / NANOSECONDS if newest else None,
            lines=lines,
            interval=BEAT_SECONDS,
            stream="received" if last is not None else "nothing was pushed yet",
        )


def _fields(source: Source) -> dict[str, object]:
    return {"fields": {"source": source}}
