"""When a job's schedule wants it to run.

Cron expressions are read by the library cronsim, which follows Debian's cron where clocks change.
"""

from datetime import UTC, datetime
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

    Args:
        since: when the latest run began, or when the schedule came into force if that is later.
    """
    due = next_run(spec, since + TOLERANCE)
    return due if due is not None and due <= now else None


@lru_cache(maxsize=1024)
def _next(cron: str, time_zone: str, after: int) -> float | None:
    try:
        moment = datetime.fromtimestamp(after, UTC).astimezone(ZoneInfo(time_zone))
        found: datetime = next(CronSim(cron, moment))
    except (CronSimError, ZoneInfoNotFoundError, ValueError, OSError, StopIteration):
        return None
    return found.timestamp()
