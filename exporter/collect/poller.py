"""Scheduled reads: one job for each source, jittered, never two of one source at a time.

A read that is over schedules the next one, so no read can overtake another, and a slow log delays
nobody but itself and, while it lasts, one worker.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from threading import Lock

from apscheduler.schedulers.base import BaseScheduler

from exporter.collect.pipeline import Pipeline
from exporter.collect.source_state import DeploymentToRead, SourceState
from exporter.digitalocean.apps import AppPlatform
from exporter.digitalocean.log_content import LogContent
from exporter.errors import ApiError, NotFound, Stopping
from exporter.model import Component, ComponentKey, Deployment, Source, SourceStatus

LOG = logging.getLogger(__name__)

EXECUTOR = "sources"
DRAIN_ATTEMPTS = 10
_JITTER = 0.1


@dataclass(frozen=True, slots=True)
class PollSettings:
    """How often to read, in seconds, and what to pass on with each request."""

    interval: float
    tail_lines: int
    pod_connection_timeout: str


class Poller:
    """Reads every watched source again and again.

    Args:
        scheduler: runs the reads, on its executor ``sources``.
        on_deployment_gone: called when the active deployment of an app turns out to be past.
        clock: Unix seconds.
    """

    def __init__(
        self,
        scheduler: BaseScheduler,
        platform: AppPlatform,
        content: LogContent,
        pipeline: Pipeline,
        settings: PollSettings,
        *,
        on_deployment_gone: Callable[[], None],
        clock: Callable[[], float],
        rng: Random,
    ) -> None:
        self._scheduler = scheduler
        self._platform = platform
        self._content = content
        self._pipeline = pipeline
        self._settings = settings
        self._on_deployment_gone = on_deployment_gone
        self._clock = clock
        self._rng = rng
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
    ) -> None:
        """Read a source from now on, or go on with it under another deployment."""
        with self._lock:
            state = self._states.get(source)
            if state is not None:
                state.component = component
                self._redeploy(state, active, between)
                return
            target = DeploymentToRead(active.id, from_first_line)
            state = self._states[source] = SourceState(source, component, target)
        with self._pipeline.lock:
            labels = (source.key.app, source.key.component, source.log_type)
            self._pipeline.metrics.source_interval.labels(*labels).set(self._settings.interval)
        self._schedule(source, self._clock())

    def unwatch(self, source: Source) -> None:
        """Read a source no more."""
        with self._lock:
            if self._states.pop(source, None) is None:
                return
            for waiting in self._draining.values():
                waiting.discard(source)
            if self._scheduler.get_job(str(source)) is not None:
                self._scheduler.remove_job(str(source))

    def sources(self) -> list[Source]:
        """Every source that is watched."""
        with self._lock:
            return list(self._states)

    def waiting(self) -> int:
        """How many sources have not been read for the first time."""
        with self._lock:
            return sum(state.polls == 0 for state in self._states.values())

    def statuses(self) -> list[SourceStatus]:
        """How each source stands."""
        with self._lock:
            return [state.status(self._settings.interval) for state in self._states.values()]

    def poll(self, source: Source) -> None:
        """Read a source once: past deployments to their end, then the active one.

        Nothing escapes from here: what failed is counted, shown in ``source_up``, said once per
        change, and tried again after the interval.
        """
        started = self._clock()
        with self._lock:
            state = self._states.get(source)
        if state is None:
            return
        try:
            self._read_all(state)
        except Stopping:
            return
        except ApiError as error:
            self._note(state, started, str(error))
        except Exception:  # the outermost boundary of a job: the next poll must still come
            LOG.exception("reading failed unexpectedly", extra={"fields": {"source": source}})
            self._note(state, started, "internal error, see the log")
        else:
            self._note(state, started, "")
        with self._lock:
            if self._states.get(source) is not state:
                return
        self._schedule(source, self._next_time(state, started))

    def _read_all(self, state: SourceState) -> None:
        failed: ApiError | None = None
        for deployment in list(state.past):
            try:
                self._drain(state, deployment)
            except ApiError as error:
                failed = error
        if not self._read(state, state.active):
            self._on_deployment_gone()
        if failed is not None:
            raise failed

    def _drain(self, state: SourceState, deployment: DeploymentToRead) -> None:
        """Read the rest of a past deployment; let it go once it is read or has no end."""
        deployment.attempts += 1
        last_attempt = deployment.attempts >= DRAIN_ATTEMPTS
        try:
            over = not self._read(state, deployment)
        except NotFound:
            self._pipeline.count_gap(state.source)
            over = True
        except ApiError:
            if not last_attempt:
                raise
            self._pipeline.count_gap(state.source)
            over = True
        if over or last_attempt:
            self._let_go(state, deployment)

    def _read(self, state: SourceState, deployment: DeploymentToRead) -> bool:
        """Read one log of one deployment.

        Returns:
            False if the deployment is past: its log is archives only.
        """
        source = state.source
        reading = self._pipeline.reading(
            source,
            state.component,
            deployment.id,
            from_first_line=deployment.from_first_line,
        )
        locations = self._platform.log_locations(
            source,
            deployment.id,
            tail_lines=self._settings.tail_lines,
            pod_connection_timeout=self._settings.pod_connection_timeout,
        )
        try:
            for chunk in self._content.read(locations, target=source):
                reading.feed(chunk)
        except BaseException:
            reading.drop()
            raise
        else:
            reading.end()
        finally:
            state.lines += reading.lines
            state.newest = max(state.newest, reading.newest)
        return locations.live_url is not None or not locations.archive_urls

    def _redeploy(
        self, state: SourceState, active: Deployment, between: Sequence[Deployment]
    ) -> None:
        state.redeploy(active, between)
        for deployment in state.past:
            waiting = self._draining.setdefault((state.source.key, deployment.id), set())
            waiting.add(state.source)

    def _let_go(self, state: SourceState, deployment: DeploymentToRead) -> None:
        """A source is through with a past deployment; its cursor goes when all sources are."""
        drained = (state.source.key, deployment.id)
        with self._lock:
            state.past = [past for past in state.past if past is not deployment]
            waiting = self._draining.get(drained, set())
            waiting.discard(state.source)
            if waiting:
                return
            self._draining.pop(drained, None)
        self._pipeline.release(*drained)

    def _note(self, state: SourceState, started: float, problem: str) -> None:
        """Keep how a read went; say so when that is news."""
        source, up = state.source, not problem
        fields = {"source": source, "problem": problem}
        if not up and state.problem != problem:
            LOG.warning("log can not be read, trying again", extra={"fields": fields})
        elif up and state.up is False:
            LOG.info("log can be read again", extra={"fields": {"source": source}})
        state.up, state.problem = up, problem
        state.polls += 1
        with self._pipeline.lock:
            if not self._pipeline.series.is_open(source.key):
                return
            labels = (source.key.app, source.key.component, source.log_type)
            self._pipeline.metrics.source_up.labels(*labels).set(up)
            if up:
                state.last_success = started
                self._pipeline.metrics.source_last_success.labels(*labels).set(started)

    def _next_time(self, state: SourceState, started: float) -> float:
        """When to read next: the second read anywhere in the interval, so that reads spread."""
        low, high = (0.0, 1.0) if state.polls == 1 else (1 - _JITTER, 1 + _JITTER)
        return started + self._settings.interval * self._rng.uniform(low, high)

    def _schedule(self, source: Source, at: float) -> None:
        self._scheduler.add_job(
            self.poll,
            "date",
            run_date=datetime.fromtimestamp(max(at, self._clock()), UTC),
            args=[source],
            id=str(source),
            executor=EXECUTOR,
            replace_existing=True,
            misfire_grace_time=None,
        )
