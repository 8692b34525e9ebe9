"""Jobs and their runs, as the API shows them.

The shapes are those of the API's Go client; any part of one may be missing.
"""

import re

from exporter.digitalocean.fields import Fields
from exporter.errors import InvalidResponse
from exporter.model import (
    DEFAULT_JOB_TIMEOUT,
    Invocation,
    InvocationPhase,
    JobKind,
    JobSpec,
    Trigger,
)

_PHASES = {phase.upper(): phase for phase in InvocationPhase}
_KINDS = {kind.upper(): kind for kind in JobKind}
_TRIGGERS = {
    "SCHEDULE": Trigger.SCHEDULE,  # the OpenAPI description
    "SCHEDULED": Trigger.SCHEDULE,  # the Go client
    "MANUAL": Trigger.MANUAL,
}
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s?)?")


def job_spec(item: Fields) -> JobSpec | None:
    """What the spec of an app says of a job; None where it names neither kind nor schedule.

    A job with a schedule is a scheduled one, whatever else is missing.
    """
    schedule = item.nested("schedule")
    kind = _KINDS.get(item.text("kind").upper())
    if kind is None and schedule is not None:
        kind = JobKind.SCHEDULED
    if kind is None:
        return None
    return JobSpec(
        kind=kind,
        cron=schedule.text("cron") if schedule else "",
        time_zone=(schedule.text("time_zone") if schedule else "") or "UTC",
        timeout=_timeout(item),
    )


def invocations(page: Fields) -> tuple[Invocation, ...]:
    """The runs on one page, without those that have no id or no job."""
    return tuple(
        _invocation(item)
        for item in page.objects("job_invocations")
        if item.text("id") and item.text("job_name")
    )


def _invocation(item: Fields) -> Invocation:
    phase = item.text("phase").upper()
    return Invocation(
        id=item.text("id"),
        job=item.text("job_name"),
        deployment_id=item.text("deployment_id"),
        phase=_PHASES.get(phase),
        running=phase == "RUNNING",
        trigger=_trigger(item),
        created_at=item.time("created_at"),
        started_at=item.time("started_at"),
        completed_at=item.time("completed_at"),
    )


def _trigger(item: Fields) -> Trigger:
    trigger = item.nested("trigger")
    if trigger is None:
        return Trigger.UNKNOWN
    if (known := _TRIGGERS.get(trigger.text("type").upper())) is not None:
        return known
    if trigger.nested("scheduled") is not None:
        return Trigger.SCHEDULE
    return Trigger.MANUAL if trigger.nested("manual") is not None else Trigger.UNKNOWN


def _timeout(item: Fields) -> float:
    """Seconds; the platform's usual limit where the spec names none that can be read."""
    try:
        text = item.text("timeout")
    except InvalidResponse:
        return item.number("timeout") or DEFAULT_JOB_TIMEOUT
    found = _DURATION.fullmatch(text)
    hours, minutes, seconds = (float(part or 0) for part in found.groups()) if found else (0, 0, 0)
    return hours * 3600 + minutes * 60 + seconds or DEFAULT_JOB_TIMEOUT
