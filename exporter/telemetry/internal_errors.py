"""Errors that nobody foresaw: said with what they were, counted by part, and outlived.

Every job and every task has one outermost boundary. What none of its inside expects becomes an
``InternalError`` there, which is handled as a failed read is: so the next one still comes.
"""

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.schedulers.base import BaseScheduler

from exporter.errors import ExporterError, InternalError, Stopping
from exporter.telemetry.metrics import Metrics

LOG = logging.getLogger(__name__)


class Part(StrEnum):
    """What has a boundary: the values of the label ``part``."""

    DISCOVERY = "discovery"
    POLLER = "poller"
    FOLLOWER = "follower"
    DEPLOYMENT_LOGS = "deployment_logs"
    INVOCATION_LOGS = "invocation_logs"
    PLATFORM_READS = "platform_reads"
    SCHEDULE = "schedule"  # jobs that no other part has a boundary for


class InternalErrors:
    """Counts them; every part stands at 0 from the start."""

    def __init__(self, metrics: Metrics) -> None:
        self._counter = metrics.internal_errors
        for part in Part:
            self._counter.labels(part)

    @contextmanager
    def translated(
        self, part: Part, *foreseen: type[ExporterError], **fields: object
    ) -> Iterator[None]:
        """Within the block, an error that nobody foresaw is counted and goes on as InternalError.

        Args:
            foreseen: errors that the caller handles too, besides Stopping.
            fields: what was worked at, for the log.
        """
        passed_on: tuple[type[ExporterError], ...] = (Stopping, InternalError, *foreseen)
        try:
            yield
        except passed_on:
            raise
        except Exception as error:
            self._note(part, error, fields)
            raise InternalError from error

    def watch(self, part: Part, task: asyncio.Task[Any] | Future[Any], **fields: object) -> None:
        """Note the error that a task ends with for which nobody waits."""

        def ended(task: asyncio.Future[Any] | Future[Any]) -> None:
            error = None if task.cancelled() else task.exception()
            if error is not None and not isinstance(error, Stopping):
                self._note(part, error, fields)

        task.add_done_callback(ended)

    def watch_jobs(self, scheduler: BaseScheduler) -> None:
        """Count the errors that jobs end with; the scheduler itself says what they were."""

        def ended(event: JobExecutionEvent) -> None:
            if not isinstance(event.exception, Stopping):
                self._counter.labels(Part.SCHEDULE).inc()

        scheduler.add_listener(ended, EVENT_JOB_ERROR)

    def _note(self, part: Part, error: BaseException, fields: dict[str, object]) -> None:
        self._counter.labels(part).inc()
        LOG.error(
            "internal error, trying again; it is a bug of the exporter: please report it",
            exc_info=error,
            extra={"fields": {"part": part, **fields}},
        )
