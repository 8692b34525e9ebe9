"""When each source is read: by its interval, or at once where something hints that it must be.

Each source has at most one job, and never two reads at a time: the end of one makes the next, so
no read can overtake another, and a slow log delays nobody but itself and, while it lasts, one
worker. Reads that were asked for have workers of their own: they never queue behind others.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from random import Random
from threading import Lock
from typing import Generic, TypeVar

from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.base import BaseScheduler

from exporter.scheduling.timer import run_at

EXECUTOR = "sources"
SOON_EXECUTOR = "soon"

_JITTER = 0.1
NEVER = float("inf")
_DEFER = 1.0
"""Seconds: a longer wait for the budget is no worker's to sit out."""

Read = Callable[[bool], bool]
"""Reads a source once, in a hurry or not; False if it needs no other read by its interval."""

S = TypeVar("S", bound=Hashable)


def shut_down(scheduler: BaseScheduler, *, wait: bool = False) -> None:
    """Stop a scheduler; reads under way end by themselves, and are awaited if ``wait``.

    Stopped while it hands out jobs, its thread would end in an exception: so first it has to
    be still.
    """
    scheduler.pause()
    scheduler.remove_all_jobs()  # waits for what is being handed out
    scheduler.shutdown(wait=wait)


@dataclass(slots=True)
class _Turn:
    """What is known of the reads of one source."""

    read: Read
    reads: int = 0
    asked_for: float = NEVER  # when to read it anew, as asked while a read goes on
    job: int = 0  # the number of its latest job: one that was replaced reads nothing
    due: float = 0.0
    soon: bool = False


@dataclass(frozen=True, slots=True)
class Pace(Generic[S]):
    """How often sources are read.

    Args:
        interval: seconds between two reads of a source.
        first_delay: seconds until the first read of the next source that is added.
        defer: seconds that reads by the interval should still wait for the budget.
    """

    interval: Callable[[S], float]
    first_delay: Callable[[], float]
    defer: Callable[[], float]


class Schedule(Generic[S]):
    """Reads every source that was added, at intervals and on request.

    Args:
        scheduler: runs the reads.
        pace: how often.
        clock: Unix seconds.
        rng: spreads the reads.
        forget: called with each source that was removed, after its last read has ended.
        executors: of the scheduler, for reads by the interval and for those asked for.
    """

    def __init__(
        self,
        scheduler: BaseScheduler,
        pace: Pace[S],
        clock: Callable[[], float],
        rng: Random,
        *,
        forget: Callable[[S], None] | None = None,
        executors: tuple[str, str] = (EXECUTOR, SOON_EXECUTOR),
    ) -> None:
        self._scheduler = scheduler
        self.interval = pace.interval
        self._first_delay = pace.first_delay
        self._defer = pace.defer
        self._on_removed = forget
        self._clock = clock
        self._rng = rng
        self._executors = executors
        self._turns: dict[S, _Turn] = {}
        self._reading: set[S] = set()
        self._jobs = 0
        self._lock = Lock()

    def now(self) -> float:
        """Seconds of the clock by which reads are due."""
        return self._clock()

    def sources(self) -> list[S]:
        """Every source that was added and not removed."""
        with self._lock:
            return list(self._turns)

    def add(self, source: S, read: Read) -> None:
        """Read a source as soon as there is room for it, and by its interval from then on."""
        with self._lock:
            self._turns[source] = _Turn(read)
            self._put(source, self._clock() + self._first_delay())

    def remove(self, source: S) -> None:
        """Stop reading a source; a read under way ends by itself."""
        with self._lock:
            if self._turns.pop(source, None) is None:
                return
            if source not in self._reading:
                self._forget(source)
            # Its job may have begun meanwhile.
            with suppress(JobLookupError):
                self._scheduler.remove_job(str(source))

    def soon(self, source: S, delay: float = 0.0) -> None:
        """Read a source at once, or after the read under way: that may have been late.

        Nothing happens if the source was not added.

        Args:
            delay: seconds; it is read after them at the latest.
        """
        with self._lock:
            turn = self._turns.get(source)
            if turn is None:
                return
            at = self._clock() + delay
            if source in self._reading:
                turn.asked_for = min(turn.asked_for, at)
            elif not (delay and turn.due <= at):
                self._put(source, at, soon=True)

    @contextmanager
    def reserved(self, sources: Iterable[S]) -> Iterator[list[S]]:
        """Those of some sources that nobody reads; within the block only the caller does.

        That counts as a read of each: the next one comes after its interval.
        """
        started = self._clock()
        with self._lock:
            free = [s for s in sources if s in self._turns and s not in self._reading]
            self._reading.update(free)
            for source in free:
                self._turns[source].asked_for = NEVER
        try:
            yield free
        finally:
            with self._lock:
                self._reading.difference_update(free)
                for source in free:
                    if (turn := self._turns.get(source)) is None:
                        self._forget(source)
                    else:
                        turn.reads = max(turn.reads, 2)  # they keep together from now on
                        self._put_next(source, turn, started, True)

    def hasten(self, factor: float) -> None:
        """Intervals became shorter by ``factor``, below 1: so do the waits for what is due."""
        with self._lock:
            now = self._clock()
            for source, turn in self._turns.items():
                if turn.due > now and not turn.soon and source not in self._reading:
                    self._put(source, now + (turn.due - now) * factor)

    def run(self, source: S, *, soon: bool = False) -> None:
        """Read a source once, now, unless a read of it is under way."""
        started = self._clock()
        with self._lock:
            turn = self._turns.get(source)
            if turn is None or source in self._reading:
                return  # the read that is under way makes the next one
            self._reading.add(source)
            turn.asked_for = NEVER
        goes_on = True  # whatever a read may end with: the next one must still come
        try:
            goes_on = turn.read(soon)
        finally:
            with self._lock:
                self._reading.discard(source)
                turn.reads += 1
                now = self._turns.get(source)
                if now is None:
                    self._forget(source)
                else:
                    self._put_next(source, now, started, goes_on)

    def forget(self, source: S) -> None:
        """Forget a removed source that was read elsewhere until now."""
        with self._lock:
            if source not in self._turns:
                self._forget(source)

    def _forget(self, source: S) -> None:
        if self._on_removed is not None:
            self._on_removed(source)

    def _put_next(self, source: S, turn: _Turn, started: float, goes_on: bool) -> None:
        """The second read is anywhere in the interval, so that reads spread."""
        due = NEVER
        if not turn.reads:
            due = started  # added anew while a read went on
        elif goes_on:
            low, high = (0.0, 1.0) if turn.reads == 1 else (1 - _JITTER, 1 + _JITTER)
            due = started + self.interval(source) * self._rng.uniform(low, high)
        asked_for, turn.asked_for = turn.asked_for, NEVER
        if min(due, asked_for) < NEVER:
            self._put(source, min(due, asked_for), soon=asked_for <= max(due, self._clock()))

    def _put(self, source: S, at: float, *, soon: bool = False) -> None:
        """Make the one job of a source; the lock is held."""
        turn = self._turns[source]
        self._jobs += 1
        turn.job, turn.due, turn.soon = self._jobs, max(at, self._clock()), soon
        run_at(
            self._scheduler,
            self._run_job,
            turn.due,
            name=str(source),
            executor=self._executors[soon],
            args=(source, turn.job, soon),
        )

    def _run_job(self, source: S, job: int, soon: bool) -> None:
        with self._lock:
            turn = self._turns.get(source)
            if turn is None or turn.job != job:
                return
            # A first read is tried, whatever comes of it, so that all were tried some time.
            wait = self._defer() if turn.reads and not soon else 0.0
            if wait > _DEFER:
                self._put(source, self._clock() + wait + self._rng.uniform(0, _DEFER))
                return
        self.run(source, soon=soon)
