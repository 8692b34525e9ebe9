"""Time for whatever waits: it advances evenly, however the wall clock is set meanwhile."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import RLock

from apscheduler.job import Job
from apscheduler.schedulers.background import BackgroundScheduler

_CHECK_SECONDS = 1.0  # how soon a step of the wall clock is noticed
_STEP_SECONDS = 0.5  # smaller steps are gathered until they are as large


class SteadyClock:
    """Unix seconds as of the start, and as many more as have passed since.

    Args:
        wall: Unix seconds.
        monotonic: seconds of a clock that never steps.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._monotonic = monotonic
        self._ahead = wall() - monotonic()

    def __call__(self) -> float:
        return self._monotonic() + self._ahead


class SteadyScheduler(BackgroundScheduler):  # type: ignore[misc]  # APScheduler has no types
    """A scheduler whose jobs are due by a steady clock, though APScheduler goes by the wall clock.

    Jobs move with each step of the wall clock, so that each is due when it was to be.

    Args:
        steady: the clock by which ``run_date`` is given.
        wall: Unix seconds, as APScheduler reads them.
    """

    def __init__(
        self, steady: Callable[[], float], wall: Callable[[], float] = time.time, **options: object
    ) -> None:
        self._steady = steady
        self._wall = wall
        self._stepped = wall() - steady()
        self._step_lock = RLock()
        defaults = {"misfire_grace_time": None, "coalesce": True}
        super().__init__(job_defaults=defaults, **options)

    def add_job(
        self,
        func: Callable[..., object],
        trigger: object = None,
        *arguments: object,
        **options: object,
    ) -> Job:
        """Add a job; a ``run_date`` is one of the steady clock."""
        self._follow_wall_clock()
        if isinstance(run_date := options.get("run_date"), datetime):
            options["run_date"] = run_date + timedelta(seconds=self._stepped)
        return super().add_job(func, trigger, *arguments, **options)

    def _process_jobs(self) -> float:
        # A step that another thread followed meanwhile would be one too many for what is due now.
        with self._step_lock:
            self._follow_wall_clock()
            wait = super()._process_jobs()
        return _CHECK_SECONDS if wait is None else min(wait, _CHECK_SECONDS)

    def _follow_wall_clock(self) -> None:
        """Move every job by as much as the wall clock has stepped."""
        with self._step_lock:
            step = self._wall() - self._steady() - self._stepped
            if abs(step) < _STEP_SECONDS:
                return
            self._stepped += step
            with self._jobstores_lock:
                for store in self._jobstores.values():
                    for job in store.get_all_jobs():
                        if job.next_run_time is not None:
                            due = job.next_run_time + timedelta(seconds=step)
                            job._modify(next_run_time=due)
                            store.update_job(job)
