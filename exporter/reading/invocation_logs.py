"""The logs of a job's runs: read whole, once, when their run has ended.

A log's lines are counted together with the note that it was read, and until then nothing of it is.
"""

import logging
from collections.abc import Callable

from exporter.counting import job_record
from exporter.counting.findings import SETTLE_SECONDS
from exporter.counting.job_record import DueLog
from exporter.counting.job_runs import JobRuns
from exporter.counting.pipeline import Pipeline
from exporter.errors import ApiError, InternalError, Stopping
from exporter.logs.log_lines import LogLines
from exporter.model import (
    App,
    ComponentKey,
    GapReason,
    LogLine,
    LogType,
    Source,
)
from exporter.reading.attempts import Attempts
from exporter.reading.whole_log import WholeLogs
from exporter.scheduling.timer import OneTimeJobs
from exporter.telemetry.internal_errors import InternalErrors, Part

LOG = logging.getLogger(__name__)

EMPTY_ATTEMPTS = 3
"""How often a log is asked for that shows nothing: it may come later than its run ends."""


class InvocationLogs:
    """Reads what is due of each app, and tries again what could not be read.

    Args:
        whole_logs: reads one of them.
        jobs: runs the reads.
        runs: keeps what is known of each run.
        retry_seconds: until what could not be read is tried again.
        clock: Unix seconds.
    """

    def __init__(
        self,
        whole_logs: WholeLogs,
        pipeline: Pipeline,
        jobs: OneTimeJobs,
        runs: JobRuns,
        retry_seconds: float,
        clock: Callable[[], float],
        internal_errors: InternalErrors,
    ) -> None:
        self._whole_logs = whole_logs
        self._pipeline = pipeline
        self._ledger = pipeline.ledger
        self._jobs = jobs
        self._runs = runs
        self._retry_seconds = retry_seconds
        self.clock = clock
        self._internal_errors = internal_errors
        self._attempts: Attempts[tuple[ComponentKey, str]] = Attempts(pipeline)

    def start(self, app: App, delay: float = 0.0) -> None:
        """Read what is due of an app, ``delay`` seconds from now."""
        if not self._due(app):
            return
        self._jobs.run_in(delay, self.read, app, name=f"invocation_logs {app.id}")

    def read(self, app: App) -> None:
        """Read every log that is due; nothing escapes from here."""
        for source, invocation_id, log in self._due(app):
            try:
                with self._internal_errors.translated(
                    Part.INVOCATION_LOGS, ApiError, source=source, invocation=invocation_id
                ):
                    self._read(source, invocation_id, log)
            except Stopping:
                return
            except (ApiError, InternalError) as error:
                self._failed(source, invocation_id, log, error)
        self.start(app, self._retry_seconds)

    def _due(self, app: App) -> list[tuple[Source, str, DueLog]]:
        """The logs that are left to read, the oldest first."""
        found = []
        with self._ledger.transaction():
            for component in app.components:
                key = ComponentKey(app.name, component.name)
                if not (component.scheduled and self._pipeline.series.is_open(key)):
                    continue
                record = job_record.load(self._ledger, key)
                source = Source(app.id, key, LogType.JOB_INVOCATION)
                due = record.due.items() if record else ()
                found += [(source, invocation_id, log) for invocation_id, log in due]
        return found

    def _read(self, source: Source, invocation_id: str, log: DueLog) -> None:
        lines, whole = self._whole_logs.of_invocation(source, invocation_id, log.deployment_id)
        place = (source.key, invocation_id)
        if not lines and log.ran and self._attempts.made(place) < EMPTY_ATTEMPTS:
            return
        with self._ledger.transaction():
            if not self._is_due(source.key, invocation_id):
                return
            self._count(source, lines)
            if log.failed:
                shown = LogLines.of(lines, self._pipeline.engine.unwrap)
                self._runs.explain(source.key, invocation_id, shown, self.clock())
            self._settle(source.key, invocation_id)
        if not whole:
            self._pipeline.count_gap(source, GapReason.ARCHIVE)

    def _count(self, source: Source, lines: list[LogLine]) -> None:
        self._pipeline.count_lines(source, lines, 0)
        self._pipeline.note_newest(source, max((line.timestamp or 0 for line in lines), default=0))
        # The log is whole, so nothing of its events comes later.
        self._pipeline.settle_events(source.key, self.clock() + SETTLE_SECONDS)

    def _failed(
        self, source: Source, invocation_id: str, log: DueLog, error: ApiError | InternalError
    ) -> None:
        """Give up what is not there, or fails again and again."""
        fields: dict[str, object] = {"invocation": invocation_id}
        place = (source.key, invocation_id)
        if not self._attempts.is_last(place, source, error, fields, expected=log.ran):
            return
        self._whole_logs.forget(source)
        with self._ledger.transaction():
            if self._is_due(source.key, invocation_id):
                if log.failed:
                    self._runs.explain(source.key, invocation_id, (), self.clock())
                self._settle(source.key, invocation_id)

    def _is_due(self, key: ComponentKey, invocation_id: str) -> bool:
        record = job_record.load(self._ledger, key)
        watched = self._pipeline.series.is_open(key)
        return watched and record is not None and invocation_id in record.due

    def _settle(self, key: ComponentKey, invocation_id: str) -> None:
        """A log needs no other read; under the lock."""
        self._attempts.end((key, invocation_id))
        record = job_record.load(self._ledger, key)
        if record is not None and record.due.pop(invocation_id, None) is not None:
            job_record.save(self._ledger, key, record)
