"""The sources that are watched: each is read by its turn, and how each read went is kept.

When a source is read is the schedule's to say.
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from threading import Lock

from exporter.counting.pipeline import Pipeline
from exporter.errors import ApiError, DeploymentEnded, InternalError, Stopping
from exporter.model import (
    Component,
    Deployment,
    LogType,
    Source,
    SourceStatus,
)
from exporter.reading.app_reads import AppReads
from exporter.reading.source_reads import SourceReads
from exporter.reading.source_state import DeploymentToRead, SourceState
from exporter.reading.tail import TailLines
from exporter.scheduling.schedule import Schedule
from exporter.telemetry.internal_errors import InternalErrors, Part

LOG = logging.getLogger(__name__)

RETRY_SECONDS = 60.0
"""A log that failed is tried again so soon, though its interval is longer; after further failures
later by as long as it has been failing."""


class Poller:
    """Reads every watched source again and again.

    Args:
        schedule: says when.
        reads: reads one source.
        app_reads: reads those of an app together, where that is wanted.
        clock: Unix seconds.
    """

    def __init__(
        self,
        schedule: Schedule[Source],
        reads: SourceReads,
        pipeline: Pipeline,
        *,
        clock: Callable[[], float],
        internal_errors: InternalErrors,
        app_reads: AppReads | None = None,
    ) -> None:
        self._schedule = schedule
        self._reads = reads
        self._past = reads.past
        self._pipeline = pipeline
        self._clock = clock
        self._internal_errors = internal_errors
        self._app_reads = app_reads
        self._states: dict[Source, SourceState] = {}
        self._lock = Lock()
        pipeline.metrics.interval_stretch.set(1)

    def watch(
        self,
        source: Source,
        component: Component,
        active: Deployment,
        *,
        between: Sequence[Deployment] = (),
        from_first_line: bool = False,
        suspended: bool = False,
    ) -> None:
        """Read a source from now on, or continue with it under another deployment.

        ``suspended``: from the start; see ``suspend``.
        """
        with self._lock:
            state = self._states.get(source)
            if state is not None:
                state.component = component
                self._past.redeploy(state, active, between)
                if state.past:
                    self._schedule.soon(source)
                return
            unread = [id for id in self._pipeline.deployments(source.key) if id != active.id]
            past = [DeploymentToRead(id, from_first_line=True) for id in unread]
            target = DeploymentToRead(active.id, from_first_line)
            state = self._states[source] = SourceState(
                source, component, target, TailLines(self._reads.settings.tail_lines), past
            )
            state.suspended = suspended
            self._past.begin(state, between)
        self._show_interval(state)
        self._schedule.add(source, partial(self._read_once, source))

    def unwatch(self, source: Source) -> None:
        """Read a source no more."""
        with self._lock:
            if self._states.pop(source, None) is None:
                return
            self._past.forget(source)
            last = all(other.key.app != source.key.app for other in self._states)
        if last and self._app_reads is not None:
            self._app_reads.forget(source.key.app)
        self._schedule.remove(source)

    def forget(self, source: Source) -> None:
        """Nobody reads a source any more that was unwatched; requests for it have ended."""
        self._schedule.forget(source)

    def repace(self, factor: float, stretch: float) -> None:
        """Intervals became longer by ``factor``, or shorter; they are ``stretch`` times as long."""
        self._pipeline.metrics.interval_stretch.set(stretch)
        with self._lock:
            states = list(self._states.values())
        for state in states:
            self._show_interval(state)
        if factor < 1:
            self._schedule.hasten(factor)

    def hand_over_nears(self, app_id: str) -> None:
        """Read the RUN logs of an app now: they are read more often from here on."""
        for source in self.sources():
            if source.app_id == app_id and source.log_type is LogType.RUN:
                self._schedule.soon(source)

    def polled(self) -> Counter[LogType]:
        """How many requests read the logs of each type, each interval."""
        with self._lock:
            polled = [source for source, state in self._states.items() if not state.suspended]
        if self._app_reads is None:
            return Counter(source.log_type for source in polled)
        return Counter(log_type for _, log_type in {(s.app_id, s.log_type) for s in polled})

    def sources(self) -> list[Source]:
        """Every source that is watched."""
        with self._lock:
            return list(self._states)

    def waiting(self) -> int:
        """How many sources still wait for their first read; those read elsewhere do not count."""
        with self._lock:
            return sum(state.up is None and not state.suspended for state in self._states.values())

    def statuses(self) -> list[SourceStatus]:
        """How each source stands."""
        with self._lock:
            return [
                state.status(self._schedule.interval(source))
                for source, state in self._states.items()
            ]

    def read_soon(self, source: Source) -> None:
        """Read a source at once, ahead of its interval; nothing if it is not watched."""
        self._schedule.soon(source)

    def state(self, source: Source) -> SourceState | None:
        """What is known of a source, shared with whoever else reads it; None if not watched."""
        with self._lock:
            return self._states.get(source)

    def note(self, state: SourceState, at: float, problem: str = "", kind: str = "") -> None:
        """Keep how a read of a source went, at a time (Unix seconds), by whomever it was read.

        It is logged when that is news, whatever number the text holds.
        """
        source, up = state.source, not problem
        fields = {"source": source, "problem": problem}
        if not up and state.failure != kind:
            LOG.warning("log cannot be read, trying again", extra={"fields": fields})
        elif up and state.up is False:
            LOG.info("log can be read again", extra={"fields": {"source": source}})
        state.up, state.problem, state.failure = up, problem, kind
        if up:
            state.last_success, state.failing_since = at, None
        self._pipeline.note_read(source, at if up else None)

    def suspend(self, source: Source) -> None:
        """Leave the active deployment of a source to another reader, and drain only past ones."""
        with self._lock:
            if (state := self._states.get(source)) is None or state.suspended:
                return
            state.suspended = True
        self._show_interval(state)

    def resume(self, source: Source) -> None:
        """Read all of a source again, at once and by its interval."""
        with self._lock:
            if (state := self._states.get(source)) is None or not state.suspended:
                return
            state.suspended = False
        self._show_interval(state)
        self._schedule.soon(source)

    def poll(self, source: Source) -> None:
        """Read a source once, now: past deployments to their end, then the active one.

        Nothing escapes from here: what failed is counted, shown in ``source_up``, said once per
        change, and tried again after the interval.
        """
        self._schedule.run(source)

    def _read_once(self, source: Source, urgent: bool) -> bool:
        started = self._clock()
        with self._lock:
            state = self._states.get(source)
        if state is None or (state.suspended and not state.past):
            return False
        if self._app_reads is None or urgent or state.past:
            return self._read_and_note(state, started, urgent)
        with self._schedule.reserved(self._others(state)) as others:
            with self._lock:
                found = [self._states.get(other) for other in others]
            states = [state, *(other for other in found if other is not None)]
            return self._read_together(self._app_reads, states, started)

    def _others(self, first: SourceState) -> list[Source]:
        """What one request for the whole app shows beside a source."""
        source = first.source
        with self._lock:
            return [
                other
                for other, state in self._states.items()
                if (other.app_id, other.log_type) == (source.app_id, source.log_type)
                and state is not first
                and state.active.id == first.active.id
                and not (state.suspended or state.past)
            ]

    def _read_together(
        self, app_reads: AppReads, states: Sequence[SourceState], started: float
    ) -> bool:
        """Read sources of one app by one request; False if the program is shutting down."""
        first = states[0].source
        try:
            with self._internal_errors.translated(
                Part.POLLER, ApiError, DeploymentEnded, source=first
            ):
                alone = app_reads.read(states)
        except Stopping:
            return False
        except DeploymentEnded:
            self._reads.found_past(states[0].active)
            alone = set()
        except (ApiError, InternalError) as error:
            for state in states:
                state.active.unread = True
                self._fail(state, started, error)
            return True
        for state in states:
            if state.source.key.component in alone:
                self._read_and_note(state, started, urgent=False)
            else:
                self.note(state, started)
        return True

    def _read_and_note(self, state: SourceState, started: float, urgent: bool) -> bool:
        """Read a source and keep how that went; False if the program is shutting down."""
        try:
            with self._internal_errors.translated(Part.POLLER, ApiError, source=state.source):
                self._reads.read(state, urgent)
        except Stopping:
            return False
        except (ApiError, InternalError) as error:
            self._fail(state, started, error)
        else:
            self.note(state, started)
        return True

    def _fail(self, state: SourceState, at: float, error: ApiError | InternalError) -> None:
        """Keep what a read failed with, and try again before a long interval is over."""
        self.note(state, at, str(error), error.kind)
        now = self._schedule.now()
        if state.failing_since is None:
            state.failing_since = now
        delay = RETRY_SECONDS + now - state.failing_since
        if delay < self._schedule.interval(state.source):
            self._schedule.soon(state.source, delay)

    def _interval(self, state: SourceState) -> float:
        return state.interval(self._schedule.interval(state.source))

    def _show_interval(self, state: SourceState) -> None:
        source = state.source
        gauge = self._pipeline.metrics.source_interval
        self._pipeline.show(gauge, source.key, self._interval(state), source.log_type)
