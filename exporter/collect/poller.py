"""Reads of sources: past deployments to their end, then the active one, and how each read went.

When a source is read is the schedule's to say.
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock

from exporter.collect.app_reads import AppLog, AppReads
from exporter.collect.internal_errors import InternalErrors, Part
from exporter.collect.pipeline import Pipeline
from exporter.collect.reading import Reading
from exporter.collect.schedule import Schedule
from exporter.collect.source_state import DeploymentToRead, SourceState
from exporter.collect.tail import TailLines
from exporter.digitalocean.apps import AppPlatform
from exporter.digitalocean.log_content import LogContent
from exporter.errors import ApiError, InternalError, NotFound, Stopping
from exporter.model import (
    App,
    Component,
    ComponentKey,
    Deployment,
    Endpoint,
    LogLocations,
    LogType,
    Source,
    SourceStatus,
)

LOG = logging.getLogger(__name__)

DRAIN_ATTEMPTS = 10
EARLY_DISCOVERIES = 3
"""How often one deployment that turns out to be past asks for a discovery ahead of time."""


@dataclass(frozen=True, slots=True)
class PollSettings:
    """What to pass on with each request for a log."""

    tail_lines: int
    pod_connection_timeout: str


class Poller:
    """Reads every watched source again and again.

    Args:
        schedule: says when.
        on_deployment_gone: called when the active deployment of an app turns out to be past.
        clock: Unix seconds.
    """

    def __init__(
        self,
        schedule: Schedule[Source],
        platform: AppPlatform,
        content: LogContent,
        pipeline: Pipeline,
        settings: PollSettings,
        *,
        on_deployment_gone: Callable[[], None],
        clock: Callable[[], float],
        internal_errors: InternalErrors,
        app_reads: AppReads | None = None,
    ) -> None:
        self._schedule = schedule
        self._platform = platform
        self._content = content
        self._pipeline = pipeline
        self._settings = settings
        self._on_deployment_gone = on_deployment_gone
        self._clock = clock
        self._internal_errors = internal_errors
        self._app_reads = app_reads
        self._states: dict[Source, SourceState] = {}
        self._draining: dict[tuple[ComponentKey, str], set[Source]] = {}
        self._lock = Lock()

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
        """Read a source from now on, or go on with it under another deployment.

        ``suspended``: from the start; see ``suspend``.
        """
        with self._lock:
            state = self._states.get(source)
            if state is not None:
                state.component = component
                self._redeploy(state, active, between)
                if state.suspended and state.past:
                    self._schedule.soon(source)
                return
            unread = [id for id in self._pipeline.deployments(source.key) if id != active.id]
            past = [DeploymentToRead(id, from_first_line=True) for id in unread]
            target = DeploymentToRead(active.id, from_first_line)
            state = self._states[source] = SourceState(
                source, component, target, TailLines(self._settings.tail_lines), past
            )
            state.suspended = suspended
            state.add_past(between)
            self._await_end(state)
        self._show_interval(state)
        self._schedule.add(source, partial(self._read_once, source))

    def unwatch(self, source: Source) -> None:
        """Read a source no more."""
        with self._lock:
            if self._states.pop(source, None) is None:
                return
            for waiting in self._draining.values():
                waiting.discard(source)
            for drained in [drained for drained, left in self._draining.items() if not left]:
                del self._draining[drained]
        self._schedule.remove(source)

    def repace(self, factor: float, stretch: float) -> None:
        """Intervals became longer by ``factor``, or shorter; they are ``stretch`` times as long."""
        self._pipeline.metrics.interval_stretch.set(stretch)
        with self._lock:
            states = list(self._states.values())
        for state in states:
            self._show_interval(state)
        if factor < 1:
            self._schedule.hasten(factor)

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
        """Keep how another reader's read of a source went, at a time (Unix seconds)."""
        self._note(state, at, problem, kind)

    def read_whole(self, state: SourceState, deployment: DeploymentToRead) -> bool:
        """Read a deployment of a source now, as far back as is ever asked for.

        Returns:
            whether it showed a line that was known.

        Raises:
            ApiError, Stopping: it could not be read.
        """
        reading, _ = self._read_window(state, deployment, self._settings.tail_lines, urgent=False)
        reading.end()
        return reading.knows_a_line

    def restart_hinted(self, app: App, component: str) -> None:
        """A container of a component may have ended: read its last words before the next does."""
        key = ComponentKey(app.name, component)
        self.read_soon(Source(app.id, key, LogType.RUN_RESTARTED))

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
        log = AppLog(first.app_id, first.key.app, states[0].active.id, first.log_type)
        readings = {
            state.source.key.component: self._begin(state, state.active, state.tail.ask())
            for state in states
        }
        alone = {name for name, reading in readings.items() if reading.in_doubt}
        together = {name: reading for name, reading in readings.items() if name not in alone}
        problem, kind = "", ""
        try:
            if together:
                with self._internal_errors.translated(Part.POLLER, ApiError, log=log):
                    alone |= app_reads.read(log, together)
        except Stopping:
            for reading in readings.values():
                reading.drop()
            return False
        except (ApiError, InternalError) as error:
            problem, kind = str(error), error.kind
        for state in states:
            reading = readings[state.source.key.component]
            state.lines += reading.lines
            if problem:
                reading.drop()
                self._note(state, started, problem, kind)
            elif state.source.key.component in alone:
                reading.drop()
                self._read_and_note(state, started, urgent=False)
            else:
                self._finish(state, state.active, reading, reading.lines)
                self._note(state, started)
        return True

    def _read_and_note(self, state: SourceState, started: float, urgent: bool) -> bool:
        """Read a source and keep how that went; False if the program is shutting down."""
        try:
            with self._internal_errors.translated(Part.POLLER, ApiError, source=state.source):
                self._read_all(state, urgent)
        except Stopping:
            return False
        except (ApiError, InternalError) as error:
            self._note(state, started, str(error), error.kind)
        else:
            self._note(state, started)
        return True

    def _read_all(self, state: SourceState, urgent: bool) -> None:
        failed: ApiError | InternalError | None = None
        for deployment in list(state.past):
            try:
                self._drain(state, deployment)
            except (ApiError, InternalError) as error:  # the active one must not wait for it
                failed = error
        if not state.suspended:
            self._read_active(state, state.active, urgent)
        if failed is not None:
            raise failed

    def _read_active(self, state: SourceState, active: DeploymentToRead, urgent: bool) -> None:
        locations = self._read(state, active, urgent=urgent)
        if locations.live_url is None and locations.archive_urls:
            active.found_past += 1
            if active.found_past <= EARLY_DISCOVERIES:
                self._on_deployment_gone()

    def _drain(self, state: SourceState, deployment: DeploymentToRead) -> None:
        """Read the rest of a past deployment; let it go once it is read or has no end."""
        deployment.attempts += 1
        last_attempt = deployment.attempts >= DRAIN_ATTEMPTS
        try:
            with self._internal_errors.translated(Part.POLLER, ApiError, source=state.source):
                over = self._read(state, deployment, past_failures=last_attempt).live_url is None
        except (ApiError, InternalError) as error:
            # One of its archives may be there again; a deployment that is gone will not.
            gone = isinstance(error, NotFound) and error.endpoint is Endpoint.LOGS
            if not last_attempt and not gone:
                raise
            fields = {"source": state.source, "deployment": deployment.id, "problem": error}
            LOG.warning(
                "past deployment given up: its rest can not be read", extra={"fields": fields}
            )
            self._pipeline.count_gap(state.source)
            over = True
        if over or last_attempt:
            self._let_go(state, deployment)

    def _read(
        self,
        state: SourceState,
        deployment: DeploymentToRead,
        *,
        urgent: bool = False,
        past_failures: bool = False,
    ) -> LogLocations:
        """Read one log of one deployment; where it was is what tells an active from a past one.

        A window that may not reach back to what was counted is followed by the widest one.
        ``past_failures``: also what is behind an archive that cannot be read.
        """
        widest = self._settings.tail_lines
        asked = state.tail.ask() if deployment is state.active else widest
        reading, locations = self._read_window(state, deployment, asked, urgent, past_failures)
        new = reading.lines
        if reading.may_miss_lines and reading.tail_lines < widest:
            reading.drop()
            reading, locations = self._read_window(state, deployment, widest, urgent)
            new += reading.lines
        self._finish(state, deployment, reading, new)
        return locations

    def _finish(
        self, state: SourceState, deployment: DeploymentToRead, reading: Reading, new: int
    ) -> None:
        """A log was read whole and had so many new lines."""
        reading.end()
        state.newest = max(state.newest, reading.newest)
        if deployment is state.active:
            state.tail.learn(new)
            if reading.restart_hinted and state.source.log_type is LogType.RUN:
                self.read_soon(replace(state.source, log_type=LogType.RUN_RESTARTED))

    def _begin(self, state: SourceState, deployment: DeploymentToRead, asked: int) -> Reading:
        return self._pipeline.reading(
            state.source,
            state.component,
            deployment.id,
            tail_lines=asked,
            from_first_line=deployment.from_first_line,
        )

    def _read_window(
        self,
        state: SourceState,
        deployment: DeploymentToRead,
        asked: int,
        urgent: bool = False,
        past_failures: bool = False,
    ) -> tuple[Reading, LogLocations]:
        """Read what the platform shows of a log now; the reading is not ended yet."""
        source = state.source
        reading = self._begin(state, deployment, asked)
        try:
            locations = self._platform.log_locations(
                source,
                deployment.id,
                tail_lines=reading.tail_lines,
                pod_connection_timeout=self._settings.pod_connection_timeout,
                urgent=urgent,
            )
            content = self._content.read(locations, target=source, past_failures=past_failures)
            for chunk in content:
                reading.feed(chunk)
        except BaseException:
            reading.drop()
            raise
        finally:
            state.lines += reading.lines
        return reading, locations

    def _redeploy(
        self, state: SourceState, active: Deployment, between: Sequence[Deployment]
    ) -> None:
        state.redeploy(active, between)
        self._await_end(state)
        self._draining.pop((state.source.key, active.id), None)  # it came back by a rollback

    def _await_end(self, state: SourceState) -> None:
        """The cursor of a past deployment stays until every source is through with it."""
        for deployment in state.past:
            waiting = self._draining.setdefault((state.source.key, deployment.id), set())
            waiting.add(state.source)

    def _let_go(self, state: SourceState, deployment: DeploymentToRead) -> None:
        """A source is through with a past deployment; its cursor goes when all sources are."""
        drained = (state.source.key, deployment.id)
        with self._lock:
            state.past = [past for past in state.past if past is not deployment]
            waiting = self._draining.get(drained)
            if waiting is None:
                return
            waiting.discard(state.source)
            if waiting:
                return
            del self._draining[drained]
        self._pipeline.release(*drained)

    def _interval(self, state: SourceState) -> float:
        return state.interval(self._schedule.interval(state.source))

    def _show_interval(self, state: SourceState) -> None:
        source = state.source
        with self._pipeline.lock:
            if self._pipeline.series.is_open(source.key):
                labels = (source.key.app, source.key.component, source.log_type)
                gauge = self._pipeline.metrics.source_interval
                gauge.labels(*labels).set(self._interval(state))

    def _note(self, state: SourceState, started: float, problem: str = "", kind: str = "") -> None:
        """Keep how a read went; say so when that is news, whatever number the text holds."""
        source, up = state.source, not problem
        fields = {"source": source, "problem": problem}
        if not up and state.failure != kind:
            LOG.warning("log can not be read, trying again", extra={"fields": fields})
        elif up and state.up is False:
            LOG.info("log can be read again", extra={"fields": {"source": source}})
        state.up, state.problem, state.failure = up, problem, kind
        if up:
            state.last_success = started
        self._pipeline.note_read(source, started if up else None)
