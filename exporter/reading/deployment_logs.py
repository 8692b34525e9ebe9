"""The BUILD and DEPLOY logs: read whole, once, when their deployment has finished.

They end with their deployment, so no cursor is needed: a log's lines are counted together with the
note that it was read, and until then nothing of it is.
"""

import json
import logging
from collections.abc import Callable, Sequence
from functools import partial

from exporter.counting.pipeline import Pipeline
from exporter.errors import ApiError, InternalError, Stopping
from exporter.model import (
    App,
    ComponentKey,
    Deployment,
    GapReason,
    LogType,
    Source,
)
from exporter.reading.attempts import Attempts
from exporter.reading.whole_log import WholeLogs
from exporter.scheduling.timer import OneTimeJobs
from exporter.telemetry.internal_errors import InternalErrors, Part

LOG = logging.getLogger(__name__)

KIND = "deployment_logs"
"""Of the documents that name what is left to read of each deployment, nothing once all is read."""

RETRY_SECONDS = 60.0


class DeploymentLogs:
    """Reads what is due of each app, and tries again what could not be read.

    Args:
        whole_logs: reads one of them.
        jobs: runs the reads.
        log_types: those of BUILD and DEPLOY that are wanted.
        clock: Unix seconds.
    """

    def __init__(
        self,
        whole_logs: WholeLogs,
        pipeline: Pipeline,
        jobs: OneTimeJobs,
        log_types: Sequence[LogType],
        clock: Callable[[], float],
        internal_errors: InternalErrors,
    ) -> None:
        self._whole_logs = whole_logs
        self._pipeline = pipeline
        self._ledger = pipeline.ledger
        self._jobs = jobs
        self._log_types = tuple(log_types)
        self._clock = clock
        self._internal_errors = internal_errors
        self._attempts: Attempts[tuple[str, Source]] = Attempts(pipeline)

    def came_to_rest(self, app: App, rested: Sequence[Deployment]) -> None:
        """Take note of deployments whose logs are due; of one that is known nothing is.

        Called under the ledger's lock: that they rest counts together with what is due for it.
        """
        if not self._log_types:
            return
        known = self._ledger.documents.kept(KIND, (app.name,))
        for deployment in rested:
            if deployment.id not in known:
                left = [[c.name, log_type] for c in app.components for log_type in self._log_types]
                self._keep(app, deployment.id, left)

    def forget_others(self, app: App, listed: Sequence[Deployment]) -> None:
        """Drop deployments that were read and are no longer listed; within a transaction."""
        ids = {deployment.id for deployment in listed}
        for deployment_id, data in self._ledger.documents.kept(KIND, (app.name,)).items():
            if deployment_id not in ids and not json.loads(data):
                self._ledger.documents.discard(KIND, (app.name,), deployment_id)

    def forget(self, app: App) -> None:
        """The app is gone: what could not be read of it is tried from the start if it is back."""
        with self._ledger.transaction():
            self._attempts.forget(partial(_is_of, app))

    def start(self, app: App, delay: float = 0.0) -> None:
        """Read what is due of an app, ``delay`` seconds from now."""
        with self._ledger.transaction():
            if not self._pipeline.series.is_app_open(app.name) or not any(self._due(app).values()):
                return
        self._jobs.run_in(delay, self.read, app, name=f"{KIND} {app.id}")

    def read(self, app: App) -> None:
        """Read every log that is due; nothing escapes from here."""
        with self._ledger.transaction():
            due = self._due(app) if self._pipeline.series.is_app_open(app.name) else {}
        for deployment_id, left in due.items():
            for component, log_type in left:
                source = Source(app.id, ComponentKey(app.name, component), LogType(log_type))
                try:
                    with self._internal_errors.translated(
                        Part.DEPLOYMENT_LOGS, ApiError, source=source, deployment=deployment_id
                    ):
                        self._read(app, deployment_id, source)
                except Stopping:
                    return
                except (ApiError, InternalError) as error:
                    self._failed(app, deployment_id, source, error)
        self.start(app, RETRY_SECONDS)

    def _read(self, app: App, deployment_id: str, source: Source) -> None:
        lines, whole = self._whole_logs.of_deployment(source, deployment_id)
        with self._ledger.transaction():
            if not self._is_due(app, deployment_id, source):
                return  # gone, read by others from now on, or read meanwhile
            self._pipeline.count_lines(source, lines, 0)
            newest = max((line.timestamp or 0 for line in lines), default=0)
            self._pipeline.note_newest(source, newest)
            self._settle(app, deployment_id, source)
        if not whole:
            self._pipeline.count_gap(source, GapReason.ARCHIVE)
        self._pipeline.note_read(source, self._clock())

    def _failed(
        self, app: App, deployment_id: str, source: Source, error: ApiError | InternalError
    ) -> None:
        """Give up what is not there, or fails again and again."""
        fields: dict[str, object] = {"deployment": deployment_id}
        with self._ledger.transaction():
            if not self._is_due(app, deployment_id, source):
                return
        if self._attempts.is_last((deployment_id, source), source, error, fields):
            self._whole_logs.forget(source)
            with self._ledger.transaction():
                self._settle(app, deployment_id, source)
        self._pipeline.note_read(source, None)

    def _is_due(self, app: App, deployment_id: str, source: Source) -> bool:
        """Whether a log is still left to read; under the lock."""
        if not self._pipeline.series.is_app_open(app.name):
            return False
        log = [source.key.component, str(source.log_type)]
        return log in self._due(app).get(deployment_id, [])

    def _settle(self, app: App, deployment_id: str, source: Source) -> None:
        """A log needs no other read; under the lock."""
        self._attempts.end((deployment_id, source))
        left = self._due(app).get(deployment_id, [])
        done = [source.key.component, str(source.log_type)]
        self._keep(app, deployment_id, [log for log in left if log != done])

    def _due(self, app: App) -> dict[str, list[list[str]]]:
        """Deployment id → component and type of each log that is left to read; under the lock."""
        kept = self._ledger.documents.kept(KIND, (app.name,))
        return {deployment_id: json.loads(data) for deployment_id, data in kept.items()}

    def _keep(self, app: App, deployment_id: str, left: Sequence[Sequence[str]]) -> None:
        self._ledger.documents.keep(KIND, (app.name,), deployment_id, json.dumps(left).encode())


def _is_of(app: App, log: tuple[str, Source]) -> bool:
    return log[1].app_id == app.id
