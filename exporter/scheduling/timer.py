"""Jobs that run once, at a time of their own, on an APScheduler."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from apscheduler.schedulers.base import BaseScheduler

MAX_INSTANCES = 10  # of one job; at its limit the scheduler would drop a job for good


def run_at(
    scheduler: BaseScheduler,
    run: Callable[..., object],
    moment: float,
    *,
    name: str,
    executor: str,
    args: Sequence[object] = (),
) -> None:
    """Run a job once, at a time in Unix seconds; it replaces the job of the same name.

    Args:
        executor: the name of the scheduler's executor that runs it.
    """
    scheduler.add_job(
        run,
        "date",
        run_date=datetime.fromtimestamp(moment, UTC),
        args=args,
        id=name,
        executor=executor,
        replace_existing=True,
        misfire_grace_time=None,
        max_instances=MAX_INSTANCES,
    )


class OneTimeJobs:
    """Runs jobs once, on one executor.

    Args:
        executor: the name of the scheduler's executor that runs them.
        clock: Unix seconds that never step.
    """

    def __init__(self, scheduler: BaseScheduler, executor: str, clock: Callable[[], float]) -> None:
        self._scheduler = scheduler
        self._executor = executor
        self._clock = clock

    def run_in(self, seconds: float, run: Callable[..., object], *args: object, name: str) -> None:
        """Run a job after a delay; it replaces the job of the same name."""
        moment = self._clock() + seconds
        run_at(self._scheduler, run, moment, name=name, executor=self._executor, args=args)


class Timer:
    """One job that is due at one time: a request to run it earlier moves it.

    Args:
        scheduler: runs the job.
        name: the job's id.
        executor: the name of the scheduler's executor that runs the job.
        clock: Unix seconds.
        min_gap: seconds between the end of a run and one that ``run_soon`` asks for.
    """

    def __init__(
        self,
        scheduler: BaseScheduler,
        name: str,
        executor: str,
        clock: Callable[[], float],
        *,
        min_gap: float = 0.0,
    ) -> None:
        self._scheduler = scheduler
        self._name = name
        self._executor = executor
        self._clock = clock
        self._min_gap = min_gap
        self._run: Callable[[], Any] | None = None
        self._due = 0.0
        self.last_run = 0.0
        """When the latest run ended, in seconds of ``clock``."""

    def start(self, run: Callable[[], object]) -> None:
        """Run the job for the first time, now."""
        self._run = run
        self.run_in(0.0)

    def run_in(self, seconds: float) -> None:
        """Run the job after this delay, and not before, whatever was due."""
        self._due = self._clock() + seconds
        run_at(self._scheduler, self._run_once, self._due, name=self._name, executor=self._executor)

    def run_soon(self) -> None:
        """Run the job now, or ``min_gap`` after its last run; an earlier run that is due stays."""
        now = self._clock()
        wait = self._min_gap - (now - self.last_run)
        if not now < self._due <= now + wait:
            self.run_in(max(0.0, wait))

    def _run_once(self) -> None:
        assert self._run is not None
        try:
            self._run()
        finally:
            self.last_run = self._clock()
