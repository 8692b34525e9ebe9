"""The API under /api/v1, over real sockets."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from web_fixtures import NOW, Status, get, serving

from exporter.model import (
    ComponentHealth,
    ComponentKey,
    ComponentKind,
    ComponentStatus,
    Crash,
    ErrorGroup,
    InvocationPhase,
    JobKind,
    JobRun,
    JobSpec,
    JobStatus,
    Level,
    LogType,
    Minutes,
    RestartReason,
    SourceStatus,
    Trigger,
)
from exporter.web.pages.page import About

WEB = ComponentStatus(
    key=ComponentKey("shop", "web"),
    kind=ComponentKind.SERVICE,
    instance_size="small",
    deployment="d1",
    health=ComponentHealth("web", True, 2, 1, None, None),
    sources=(
        SourceStatus("shop", "web", LogType.RUN, "up", NOW - 5, NOW - 7, 12, 60.0),
        SourceStatus("shop", "web", LogType.RUN_RESTARTED, "waiting", None, None, 0, 60.0),
    ),
    minutes=Minutes((0,) * 59 + (12,), (0,) * 59 + (3,)),
    crashes=(Crash(NOW - 60, RestartReason.PANIC, ("panic: no stock",), exit_code=2),),
    error_groups=(ErrorGroup(Level.ERROR, "no <num>", "no 7", 3, NOW - 90, NOW - 60),),
)
WORKER = replace(WEB, key=ComponentKey("shop", "worker"), health=None, crashes=(), error_groups=())

REPORT = replace(
    WORKER,
    key=ComponentKey("shop", "report"),
    kind=ComponentKind.JOB,
    job=JobStatus(
        JobSpec(JobKind.SCHEDULED, "0 3 * * *", "UTC", 1800.0),
        next_run=NOW + 600,
        last_read=NOW - 60,
        problem="gone",
        runs=(
            JobRun(
                InvocationPhase.FAILED,
                Trigger.SCHEDULE,
                NOW - 300,
                NOW - 240,
                60.0,
                RestartReason.EXIT,
                ("no stock",),
                exit_code=3,
            ),
        ),
    ),
)


def status(components: Sequence[ComponentStatus] = (WEB, WORKER)) -> Status:
    return Status(rows=list(components))


def test_the_list_has_every_component_in_short() -> None:
    with serving(status=status()) as url:
        answer = get(f"{url}/api/v1/components")
    assert answer.headers["content-type"] == "application/json"
    web, worker = answer.json()["components"]
    assert web == {
        "account": None,
        "app": "shop",
        "component": "web",
        "kind": "service",
        "condition": "noisy",
        "deployment_id": "d1",
        "replicas_desired": 2,
        "replicas_ready": 1,
        "healthy": True,
        "lines_last_hour": 12,
        "errors_last_hour": 3,
        "last_crash": {"at": "2027-01-15T07:59:00.000Z", "reason": "panic"},
    }
    assert (worker["replicas_ready"], worker["last_crash"]) == (None, None)


def test_a_component_has_its_logs_groups_and_crashes() -> None:
    with serving(status=status()) as url:
        found = get(f"{url}/api/v1/components/shop/web").json()
        crashes = get(f"{url}/api/v1/components/shop/web/crashes").json()
    assert [(s["log_type"], s["state"], s["last_read"]) for s in found["sources"]] == [
        ("RUN", "up", "2027-01-15T07:59:55.000Z"),
        ("RUN_RESTARTED", "waiting", None),
    ]
    assert found["error_groups"][0]["sample"] == "no 7"
    assert found["crashes"] == crashes["crashes"]
    assert crashes["crashes"] == [
        {
            "at": "2027-01-15T07:59:00.000Z",
            "reason": "panic",
            "exit_code": 2,
            "lines": ["panic: no stock"],
        }
    ]
    assert found["job"] is None


def test_a_job_has_its_schedule_and_its_runs() -> None:
    """With the last words of one that failed, and why runs cannot be listed."""
    with serving(status=status([REPORT])) as url:
        job = get(f"{url}/api/v1/components/shop/report").json()["job"]
    assert (job["cron"], job["time_zone"], job["timeout_seconds"]) == ("0 3 * * *", "UTC", 1800.0)
    assert (job["next_run"], job["missed_run"]) == ("2027-01-15T08:10:00.000Z", None)
    assert (job["problem"], job["last_read"]) == ("gone", "2027-01-15T07:59:00.000Z")
    assert job["runs"] == [
        {
            "began": "2027-01-15T07:55:00.000Z",
            "ended": "2027-01-15T07:56:00.000Z",
            "phase": "failed",
            "trigger": "schedule",
            "duration_seconds": 60.0,
            "reason": "exit",
            "exit_code": 3,
            "lines": ["no stock"],
        }
    ]


def test_without_excerpts_no_text_is_shown() -> None:
    with serving(status=status([WEB, REPORT]), about=About("1", excerpts=False)) as url:
        text = get(f"{url}/api/v1/components/shop/web").text
        text += get(f"{url}/api/v1/components/shop/report").text
    assert "stock" not in text
    assert "no 7" not in text
    assert '"reason":"panic"' in text


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("shop/mail", 404),
        ("shop/web?account=other", 404),
        ("shop/mail/crashes", 404),
        ("blog/web?account=eu", 200),
        ("blog/web", 404),
    ],
)
def test_only_a_component_that_is_watched_is_answered(path: str, code: int) -> None:
    blog = replace(WEB, key=ComponentKey("blog", "web"), account="eu")
    with serving(status=status([WEB, blog])) as url:
        answer = get(f"{url}/api/v1/components/{path}")
    assert answer.status_code == code
    assert ("error" in answer.json()) == (code == 404)
