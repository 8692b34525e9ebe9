"""The runs of scheduled jobs: each that has ended counts once, and gauges show how each job stands.

The list of an app's runs is read by turns. Of a run that has ended the log is due then, which
``invocation_logs`` reads.
"""

import logging
from collections.abc import Callable, Sequence

from exporter.counting import job_record
from exporter.counting.component import JobStanding
from exporter.counting.job_record import DueLog, JobRecord
from exporter.counting.job_runs import JobRuns
from exporter.counting.pipeline import Pipeline
from exporter.counting.series import remove
from exporter.digitalocean.apps import AppPlatform
from exporter.errors import ApiError, InternalError
from exporter.model import (
    App,
    Component,
    ComponentKey,
    Invocation,
    InvocationPhase,
    JobSpec,
    JobStatus,
)
from exporter.reading.invocation_logs import InvocationLogs
from exporter.watching.cron import missed_run, next_run
from exporter.watching.failures import Failures

LOG = logging.getLogger(__name__)

FIRST_PAGES = 50
"""Pages of the list that are read at the first look: a run may have begun long ago."""


class Jobs:
    """Reads the runs of one app at a time.

    Args:
        start: returns Unix seconds of the platform; runs that ended before do not count.
    """

    what = "jobs"

    def __init__(
        self,
        platform: AppPlatform,
        pipeline: Pipeline,
        logs: InvocationLogs,
        runs: JobRuns,
        failures: Failures,
        *,
        start: Callable[[], float],
    ) -> None:
        self._platform = platform
        self._metrics = pipeline.metrics
        self._ledger = pipeline.ledger
        self._series = pipeline.series
        self._logs = logs
        self._runs = runs
        self._failures = failures
        self._start = start
        self._clock = logs.clock
        self._read: set[str] = set()  # ids of apps whose list was read to its end once
        self._unreadable: set[tuple[ComponentKey, str]] = set()

    def wants(self, app: App) -> bool:
        """Whether the app has a scheduled job."""
        return any(component.scheduled for component in app.components)

    def read(self, app: App) -> None:
        """Count the runs that have ended since the last look, and show how each job stands."""
        for component in _scheduled(app):
            self._show_next(app, component)
        failure: ApiError | None = None
        listed: dict[str, Invocation] = {}
        whole = False
        try:
            whole = self._list(app, listed)
        except ApiError as error:
            failure = error  # what was listed until then is true all the same
        with self._ledger.transaction():
            for component in _scheduled(app):
                key = ComponentKey(app.name, component.name)
                if self._series.is_open(key):
                    own = [run for run in listed.values() if run.job == component.name]
                    self._take(app, key, own, whole=whole)
        if failure is None:
            self._read.add(app.id)
            self._failures.worked(app.name, self.what)
            for component in _scheduled(app):
                self._show(app, component, listed)
        else:
            self._failures.failed(app.name, self.what, failure)
            self._lose(app, str(failure))
        self._logs.start(app)

    def lose(self, app: App) -> None:
        """How the jobs of an app stand is not known any more; what was counted stays true."""
        self._lose(app, str(InternalError()))

    def _lose(self, app: App, problem: str) -> None:
        with self._ledger.transaction():
            for component in _scheduled(app):
                if job := self._series.watched(ComponentKey(app.name, component.name)):
                    last = job.job_standing.read_at
                    job.job_standing = JobStanding(read_at=last, problem=problem)
        remove(
            {"app": app.name},
            self._metrics.job_running,
            self._metrics.job_running_since,
            self._metrics.job_missed_run,
        )

    def forget(self, app: App) -> None:
        """The app is gone."""
        self._read.discard(app.id)

    def status(self, key: ComponentKey, component: Component) -> JobStatus | None:
        """How a job stands; None of what is no scheduled job. Called within a transaction."""
        if component.job is None or not component.scheduled:
            return None
        watched = self._series.watched(key)
        standing = watched.job_standing if watched else JobStanding()
        due = next_run(component.job, self._clock())
        return JobStatus(
            component.job,
            standing.running_since,
            due,
            standing.missed,
            self._runs.of(key),
            standing.read_at,
            standing.problem,
        )

    def _list(self, app: App, listed: dict[str, Invocation]) -> bool:
        """Fill ``listed`` with the runs of an app, by id; return whether these are all there are.

        The first look goes through all pages. Later ones end with the first page that shows
        nothing new, unless a run that had not ended is still missing, or the list begins with the
        oldest.
        """
        with self._ledger.transaction():
            records = {c.name: self._record(app, c) for c in _scheduled(app)}
        missing = {name for record in records.values() for name in record.once.open}
        first = app.id not in self._read
        for pages, page in enumerate(self._platform.job_invocations(app.id), start=1):
            listed.update((run.id, run) for run in page)
            missing -= {run.id for run in page}
            news = any(
                self._is_news(run, records[run.job].once.is_counted(run.id, _created(run)))
                for run in page
                if run.job in records
            )
            goes_on = pages < FIRST_PAGES if first else news or missing or _oldest_first(page)
            if not goes_on:
                return False
        return True

    def _is_news(self, run: Invocation, counted: bool) -> bool:
        return not counted and (run.phase is None or not self._from_before(run))

    def _from_before(self, run: Invocation) -> bool:
        """Whether it ended before the exporter's time; the API's times may be of whole seconds."""
        ended = run.ended_at
        return ended is not None and ended + (1.0 if ended == int(ended) else 0.0) <= self._start()

    def _record(self, app: App, component: Component) -> JobRecord:
        key = ComponentKey(app.name, component.name)
        return job_record.load(self._ledger, key) or JobRecord()

    def _take(
        self, app: App, key: ComponentKey, runs: Sequence[Invocation], *, whole: bool
    ) -> None:
        """Count the runs of one job; under the lock."""
        stored = job_record.load(self._ledger, key)
        record = stored or JobRecord()
        before = record.to_bytes()
        ended: list[Invocation] = []
        for run in sorted(runs, key=_created):
            created = _created(run)
            if record.once.is_counted(run.id, created):
                continue
            if run.phase is None:
                record.once.begin(run.id, created)
                continue
            was_open = run.id in record.once.open
            ended.append(run)
            record.once.count(run.id, created)
            untold = run.ended_at is None and stored is None
            if was_open or not (self._from_before(run) or untold):
                self._count(key, run, run.phase, record)
        if whole:
            record.once.forget(record.once.open - {run.id for run in runs})
        if ended:
            self._runs.add(key, ended)
        self._advance(key, runs, record)
        spec = next(c.job for c in app.components if c.name == key.component)
        if spec is not None:
            active = app.active_deployment
            at = (active.phase_changed_at or active.created_at) if active else None
            record.follow(spec, at, self._clock())
        if stored is None or record.to_bytes() != before:
            job_record.save(self._ledger, key, record)

    def _count(
        self, key: ComponentKey, run: Invocation, phase: InvocationPhase, record: JobRecord
    ) -> None:
        labels = (*key.parts, phase, run.trigger)
        self._ledger.add(self._metrics.job_invocations, labels, 1)
        failed = phase is InvocationPhase.FAILED
        ran = run.started_at is not None or phase is InvocationPhase.SUCCEEDED or failed
        if ran or phase is InvocationPhase.CANCELED:
            record.due[run.id] = DueLog(run.deployment_id, failed, ran)
        if failed:
            fields = {"source": key, "invocation": run.id}
            LOG.warning("job failed", extra={"fields": fields})

    def _advance(self, key: ComponentKey, runs: Sequence[Invocation], record: JobRecord) -> None:
        """Show when the latest run began, when the latest success ended, how long one took."""
        metrics, series = self._metrics, self._series
        for run in runs:
            if run.began_at is not None:
                series.advance(metrics.job_last_invocation, key, run.began_at)
            if run.phase is InvocationPhase.SUCCEEDED and run.ended_at is not None:
                series.advance(metrics.job_last_success, key, run.ended_at)
            if run.phase is None or run.duration is None or run.completed_at is None:
                continue
            if run.completed_at > record.latest:
                record.latest = run.completed_at
                self._ledger.put(metrics.job_duration, key.parts, run.duration)

    def _show_next(self, app: App, component: Component) -> None:
        key, spec, metrics = ComponentKey(app.name, component.name), component.job, self._metrics
        if spec is None or not self._series.is_open(key):
            return
        metrics.job_timeout.labels(*key.parts).set(spec.timeout)
        due = next_run(spec, self._clock())
        if due is None:
            remove({"app": app.name, "component": component.name}, metrics.job_next_run)
            if (key, spec.cron) not in self._unreadable:
                self._unreadable.add((key, spec.cron))
                fields = {"source": key, "cron": spec.cron, "time_zone": spec.time_zone}
                LOG.warning("the schedule of a job cannot be read", extra={"fields": fields})
        else:
            metrics.job_next_run.labels(*key.parts).set(due)

    def _show(self, app: App, component: Component, listed: dict[str, Invocation]) -> None:
        """Show what runs now and what should run and does not."""
        key, spec, metrics = ComponentKey(app.name, component.name), component.job, self._metrics
        running = [run for run in listed.values() if run.job == component.name and run.running]
        began = [run.began_at for run in running if run.began_at is not None]
        with self._ledger.transaction():
            watched = self._series.watched(key)
            if spec is None or watched is None:
                return
            missed = self._missed(key, spec, self._record(app, component))
            since = min(began, default=None)
            watched.job_standing = JobStanding(since, missed, self._clock())
        metrics.job_running.labels(*key.parts).set(len(running))
        metrics.job_running_since.labels(*key.parts).set(since or 0)
        metrics.job_missed_run.labels(*key.parts).set(missed or 0)

    def _missed(self, key: ComponentKey, spec: JobSpec, record: JobRecord) -> float | None:
        latest = self._ledger.value(self._metrics.job_last_invocation, key.parts)
        return missed_run(spec, max(latest, record.since), self._clock())


def _scheduled(app: App) -> list[Component]:
    return [component for component in app.components if component.scheduled]


def _created(run: Invocation) -> float:
    """When a run was created; 0 where the API does not say."""
    times = (run.created_at, run.started_at, run.completed_at)
    return next((at for at in times if at is not None), 0.0)


def _oldest_first(page: Sequence[Invocation]) -> bool:
    return len(page) > 1 and _created(page[0]) < _created(page[-1])
