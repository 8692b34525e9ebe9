"""Errors that nobody foresaw: each is counted by part, and the part continues.

Every job and every task has one outermost boundary. An error that none of its inside expects
becomes an ``InternalError`` there, which is handled as a failed read is: so the next one still
comes. An error that comes again with every attempt is logged once, and once more when it is over.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from enum import StrEnum
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, JobExecutionEvent
from apscheduler.schedulers.base import BaseScheduler

from exporter.errors import ExporterError, InternalError, Stopping
from exporter.telemetry.table import Counter

LOG = logging.getLogger(__name__)

_MOST_REMEMBERED = 4096  # of what fails; past it each is logged once more


class Part(StrEnum):
    """What has a boundary in each account: values of the label ``subsystem``."""

    DISCOVERY = "discovery"
    POLLER = "poller"
    FOLLOWER = "follower"
    DEPLOYMENT_LOGS = "deployment_logs"
    INVOCATION_LOGS = "invocation_logs"
    PLATFORM_READS = "platform_reads"
    INVARIANTS = "invariants"  # what must always hold of counts
    SCHEDULE = "schedule"  # jobs that no other part has a boundary for


class ReplicaPart(StrEnum):
    """What has a boundary in each replica, beside its accounts."""

    ROUNDS = "replica_rounds"
    SHARES = "replica_shares"


class InternalErrors:
    """Counts them; every part stands at 0 from the start.

    Args:
        counter: its only label is the part.
        parts: those that count here.
    """

    def __init__(self, counter: Counter, parts: Iterable[Part | ReplicaPart]) -> None:
        self._counter = counter
        self._failing: dict[str, str] = {}
        for part in parts:
            self._counter.labels(part)

    @contextmanager
    def translated(
        self, part: Part | ReplicaPart, *foreseen: type[ExporterError], **fields: object
    ) -> Iterator[None]:
        """Raise InternalError in place of an error that nobody foresaw, which is counted.

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
            again = not self._changed(f"{part} {fields}", error)
            self._note(part, error, fields, again=again)
            raise InternalError from error
        if self._failing and self._failing.pop(f"{part} {fields}", None) is not None:
            LOG.info("no internal error any more", extra={"fields": {"part": part, **fields}})

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

    def _changed(self, subject: str, error: Exception) -> bool:
        """Return whether the latest attempt at the same did not fail with the same error."""
        text = f"{type(error).__name__}: {error}"
        before = self._failing.get(subject)
        if len(self._failing) >= _MOST_REMEMBERED:
            self._failing.clear()
        self._failing[subject] = text
        return before != text

    def _note(
        self,
        part: Part | ReplicaPart,
        error: BaseException,
        fields: dict[str, object],
        *,
        again: bool = False,
    ) -> None:
        self._counter.labels(part).inc()
        LOG.log(
            logging.DEBUG if again else logging.ERROR,
            "internal error, trying again; it is a bug of the exporter: please report it",
            exc_info=error,
            extra={"fields": {"part": part, **fields}},
        )
