"""A step of the wall clock that two threads of the schedule notice at the same moment."""

import time
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from apscheduler.schedulers import base

from exporter.scheduling.steady import SteadyScheduler


@pytest.mark.found(
    "Where another thread added a job at the moment of a step of the wall clock, saves stopped for "
    "as long as the step, and no counter moved.",
    how="a fake platform written from the facts alone, and libfaketime on a busy machine",
)
def test_a_step_is_followed_once_while_jobs_are_due(monkeypatch: pytest.MonkeyPatch):
    """The wall clock steps back between the look at it and the jobs that were due by it."""
    behind = [0.0]
    scheduler = SteadyScheduler(time.time, lambda: time.time() - behind[0], timezone=UTC)
    others: list[Thread] = []

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            moment = datetime.now(tz) - timedelta(seconds=behind[0])
            if not behind[0]:
                behind[0] = 600.0
                run_date = datetime.now(UTC) + timedelta(hours=1)
                others.append(
                    Thread(
                        target=scheduler.add_job,
                        args=(print, "date"),
                        kwargs={"run_date": run_date},
                    )
                )
                others[0].start()
                others[0].join(0.3)
            return moment

    scheduler.start(paused=True)
    try:
        job = scheduler.add_job(time.time, "interval", seconds=0.25)
        due = datetime.now(UTC) - timedelta(seconds=0.1)
        job.modify(next_run_time=due)
        monkeypatch.setattr(base, "datetime", Clock)
        scheduler.state = base.STATE_RUNNING
        scheduler._process_jobs()
        others[0].join()
        scheduler._process_jobs()
        wall = datetime.now(UTC) - timedelta(seconds=600)
        assert abs((job.next_run_time - wall).total_seconds()) < 60
    finally:
        monkeypatch.undo()
        scheduler.shutdown(wait=False)
