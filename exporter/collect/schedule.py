"""When each source is read: by its interval, or at once where something hints that it must be.

Each source has at most one job, and never two reads at a time: the end of one makes the next, so
no read can overtake another, and a slow log delays nobody but itself and, while it lasts, one
worker. Reads that were asked for have workers of their own: they never queue behind others.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from threading import Lock

from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.base import BaseScheduler

from exporter.model import Source

EXECUTOR = "sources"
SOON_EXECUTOR = "soon"

_JITTER = 0.1
_MOST_INSTANCES = 10  # of one job; at its limit the scheduler would drop the job for good

Read = Callable[[], bool]
"""Reads a source once; False if it needs no other read by its interval."""


@dataclass(slots=True)
class _Turn:
    """What is known of the reads of one source."""

    read: Read
    reads: int = 0
    asked: bool = False  # for a read, while one goes on
    job: int = 0  # the number of its latest job: one that was replaced reads nothing


class Schedule:
    """Reads every source that was added again and again.

    Args:
        scheduler: runs the reads, on its executors ``sources`` and ``soon``.
        interval: seconds between two reads of a source.
        forget: called with each source that was removed, once no read of it goes on.
        clock: Unix seconds.
        rng: spreads the reads.
    """

    def __init__(
        self,
        scheduler: BaseScheduler,
        interval: Callable[[Source], float],
        *,
        forget: Callable[[Source], None],
        clock: Callable[[], float],
        rng: Random,
    ) -> None:
        self._scheduler = scheduler
        self._interval = interval
        self._forget = forget
        self._clock = clock
        self._rng = rng
        self._turns: dict[Source, _Turn] = {}
        self._reading: set[Source] = set()
        self._jobs = 0
        self._lock = Lock()

    def add(self, source: Source, read: Read) -> None:
        """Read a source now, and by its interval from then on."""
        with self._lock:
            self._turns[source] = _Turn(read)
            self._put(source, self._clock())

    def remove(self, source: Source) -> None:
        """Read a source no more; a read that goes on ends by itself."""
        with self._lock:
            if self._turns.pop(source, None) is None:
                return
            if source not in self._reading:
                self._forget(source)
            # Its job may have begun meanwhile.
            with suppress(JobLookupError):
                self._scheduler.remove_job(str(source))

    def soon(self, source: Source) -> None:
        """Read a source at once, or when the read that goes on is over: that may have been late.

        Nothing happens if the source was not added.
        """
        with self._lock:
            turn = self._turns.get(source)
            if turn is None:
                return
            if source in self._reading:
                turn.asked = True
            else:
                self._put(source, self._clock(), SOON_EXECUTOR)

    def run(self, source: Source) -> None:
        """Read a source once, now, unless a read of it goes on."""
        started = self._clock()
        with self._lock:
            turn = self._turns.get(source)
            if turn is None or source in self._reading:
                return  # the read that is under way makes the next one
            self._reading.add(source)
            turn.asked = False
        goes_on = False
        try:
            goes_on = turn.read()
        finally:
            with self._lock:
                self._reading.discard(source)
                turn.reads += 1
                now = self._turns.get(source)
                if now is None:
                    self._forget(source)
                else:
                    self._put_next(source, now, started, goes_on)

    def _put_next(self, source: Source, turn: _Turn, started: float, goes_on: bool) -> None:
        """The second read is anywhere in the interval, so that reads spread."""
        if turn.asked:
            self._put(source, started, SOON_EXECUTOR)
        elif not turn.reads:
            self._put(source, started)  # added anew while a read went on
        elif goes_on:
            low, high = (0.0, 1.0) if turn.reads == 1 else (1 - _JITTER, 1 + _JITTER)
            self._put(source, started + self._interval(source) * self._rng.uniform(low, high))

    def _put(self, source: Source, at: float, executor: str = EXECUTOR) -> None:
        """Make the one job of a source; the lock is held."""
        turn = self._turns[source]
        self._jobs += 1
        turn.job = self._jobs
        self._scheduler.add_job(
            self._run_job,
            "date",
            run_date=datetime.fromtimestamp(max(at, self._clock()), UTC),
            args=[source, turn.job],
            id=str(source),
            executor=executor,
            replace_existing=True,
            misfire_grace_time=None,
            max_instances=_MOST_INSTANCES,
        )

    def _run_job(self, source: Source, job: int) -> None:
        with self._lock:
            turn = self._turns.get(source)
            replaced = turn is None or turn.job != job
        if not replaced:
            self.run(source)
