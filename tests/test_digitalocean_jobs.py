"""Jobs, their runs and autoscaling events in the API's answers; any part may be missing."""

from typing import Any

import pytest

from exporter.digitalocean.events import autoscaling_events
from exporter.digitalocean.fields import Fields
from exporter.digitalocean.jobs import invocations, job_spec
from exporter.errors import InvalidResponse
from exporter.model import (
    Endpoint,
    InvocationPhase,
    JobKind,
    JobSpec,
    Scaling,
    ScalingTrigger,
    Trigger,
)


def fields(**values: Any) -> Fields:
    return Fields(Endpoint.JOB_INVOCATIONS, values)


@pytest.mark.parametrize(
    ("values", "spec"),
    [
        ({}, None),
        ({"kind": "UNSPECIFIED"}, None),
        ({"kind": "PRE_DEPLOY"}, JobSpec(JobKind.PRE_DEPLOY)),
        ({"kind": "FAILED_DEPLOY", "schedule": None}, JobSpec(JobKind.FAILED_DEPLOY)),
        ({"kind": "SCHEDULED"}, JobSpec(JobKind.SCHEDULED)),
        ({"schedule": {"cron": "0 3 * * *"}}, JobSpec(JobKind.SCHEDULED, "0 3 * * *")),
        (
            {
                "kind": "SCHEDULED",
                "schedule": {"cron": "0 3 * * *", "time_zone": "Asia/Tokyo"},
                "timeout": "1h30m",
            },
            JobSpec(JobKind.SCHEDULED, "0 3 * * *", "Asia/Tokyo", 5400),
        ),
        ({"kind": "SCHEDULED", "timeout": "90s"}, JobSpec(JobKind.SCHEDULED, timeout=90)),
        ({"kind": "SCHEDULED", "timeout": 600}, JobSpec(JobKind.SCHEDULED, timeout=600)),
        ({"kind": "SCHEDULED", "timeout": "soon"}, JobSpec(JobKind.SCHEDULED)),
    ],
)
def test_the_spec_of_a_job(values: dict[str, Any], spec: JobSpec | None):
    """Kind, schedule and limit, with the platform's defaults for what is missing."""
    assert job_spec(fields(**values)) == spec


@pytest.mark.parametrize(
    ("trigger", "told"),
    [
        ({"type": "SCHEDULE"}, Trigger.SCHEDULE),
        ({"type": "SCHEDULED", "scheduled": {"schedule": {}}}, Trigger.SCHEDULE),
        ({"type": "MANUAL"}, Trigger.MANUAL),
        ({"manual": {"user": {}}}, Trigger.MANUAL),
        ({"type": "UNKNOWN"}, Trigger.UNKNOWN),
        (None, Trigger.UNKNOWN),
    ],
)
def test_what_started_a_run(trigger: Any, told: Trigger):
    """Both words for the schedule, and what the shape says where the word is missing."""
    [run] = invocations(fields(job_invocations=[{"id": "1", "job_name": "a", "trigger": trigger}]))
    assert run.trigger is told
    assert run.phase is None
    assert not run.running


def test_runs_are_read_as_far_as_they_are_told():
    """A run without id or job is left out; times, phases and the duration are values."""
    whole = {
        "id": "1",
        "job_name": "report",
        "deployment_id": "d",
        "phase": "FAILED",
        "created_at": "2026-11-01T00:00:00Z",
        "started_at": "2026-11-01T00:00:02Z",
        "completed_at": "2026-11-01T00:00:32Z",
    }
    partial = [{"id": "2"}, {"job_name": "report"}, {"id": "3", "job_name": "report"}]
    first, second = invocations(fields(job_invocations=[whole, *partial]))
    assert (first.id, first.deployment_id, first.phase) == ("1", "d", InvocationPhase.FAILED)
    assert (first.duration, first.ended_at) == (30, 1_793_491_232)
    assert (second.began_at, second.ended_at, second.duration) == (None, None, None)
    assert invocations(fields()) == ()
    with pytest.raises(InvalidResponse, match="job_invocations"):
        invocations(fields(job_invocations={}))


def test_autoscaling_events_tell_who_changed_and_why():
    """A zero may be left out; what failed changed nothing; what is under way is not over."""

    def event(name: str, phase: str, **change: Any) -> dict[str, Any]:
        scaling = {"phase": phase, "components": {"web": change}}
        return {"id": name, "type": "AUTOSCALING", "autoscaling": scaling}

    listed = [
        event("1", "SUCCEEDED", **{"from": 1, "to": 3, "triggering_metric": "cpu"}),
        event("2", "SUCCEEDED", **{"from": 1, "triggering_metric": "scale_to_zero"}),
        event("3", "FAILED", **{"from": 1, "to": 3}),
        event("4", "IN_PROGRESS", **{"from": 1, "to": 3}),
        event("5", "SUCCEEDED", **{"from": 1, "to": 2, "triggering_metric": "moon"}),
        {"id": "6", "type": "DEPLOYMENT"},
    ]
    up, zero, failed, going, other = autoscaling_events(fields(events=listed))
    assert up.changes == (Scaling("web", True, ScalingTrigger.CPU),)
    assert zero.changes == (Scaling("web", False, ScalingTrigger.SCALE_TO_ZERO),)
    assert (failed.over, failed.changes) == (True, ())
    assert not going.over
    assert other.changes == (Scaling("web", True, ScalingTrigger.OTHER),)
