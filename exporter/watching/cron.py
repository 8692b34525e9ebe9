"""When a job's schedule wants it to run.

Cron expressions are read by the library cronsim, which follows Debian's cron where clocks change.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from exporter.model import JobSpec

TOLERANCE = 30.0
"""Seconds by which a run may begin before its time and still be the run of that time."""


def next_run(spec: JobSpec, after: float) -> float | None:
    """When the schedule wants the first run after a time, both in Unix seconds.

    None where there is no schedule, or one that cannot be read or never comes.
    """
    return _next(spec.cron, spec.time_zone, int(after))


def missed_run(spec: JobSpec, since: float, now: float) -> float | None:
    """When the oldest run was due that did not begin; None if none is missing.

    A time that a change of clocks skips is none at which a run is missing: schedulers differ in
    whether they run it later or not at all, and nothing is known of the platform's.

    Args:
        since: when the latest run began, or when the schedule came into force if that is later.
    """
    due = next_run(spec, since + TOLERANCE)
    while due is not None and due <= now:
        if not _was_skipped(spec.cron, spec.time_zone, due):
            return due
        due = next_run(spec, due)
    return None


def _was_skipped(cron: str, time_zone: str, due: float) -> bool:
    """Whether the schedule names another time of that day, which no clock showed."""
    shown = datetime.fromtimestamp(due, ZoneInfo(time_zone)).replace(tzinfo=None)
    named: datetime = next(CronSim(cron, shown - timedelta(minutes=1)))
    return named != shown


@lru_cache(maxsize=1024)
def _next(cron: str, time_zone: str, after: int) -> float | None:
    try:
        moment = datetime.fromtimestamp(after, UTC).astimezone(ZoneInfo(time_zone))
        found: datetime = next(CronSim(cron, moment))
    except (CronSimError, ZoneInfoNotFoundError, ValueError, OSError, StopIteration):
        return None
    return found.timestamp()
