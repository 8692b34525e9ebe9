"""Every state that the pages have, as values; ``python tests/page_states.py`` takes their pictures.

The pictures are those of docs/page.md and docs/incidents.md.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from browser import chromium, new_page
from web_fixtures import NOW, Status, serving

from exporter.model import (
    ApiFailure,
    ComponentHealth,
    ComponentKey,
    ComponentKind,
    ComponentStatus,
    Crash,
    Endpoint,
    ErrorGroup,
    ErrorLine,
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

IMAGES = Path(__file__).parent.parent / "docs/images"
ABOUT = About("0.9.0", configuration="logs:\n  interval: 60s\n")
DESKTOP, PHONE = (1100, 700), (390, 844)
WORDS = (
    "connecting to orders-db",
    "Traceback (most recent call last):",
    '  File "/app/main.py", line 12, in <module>',
    "psycopg2.OperationalError: no password supplied",
)
TIMED_OUT = "ERROR checkout failed: POST https://gateway.example/charge timed out after 5000 ms"
STEADY = tuple(40 + (minute * 7) % 13 for minute in range(60))


def component(app: str, name: str, **options: Any) -> ComponentStatus:
    """A component that is fine, but for ``options``."""
    read = SourceStatus(app, name, LogType.RUN, "up", NOW - 12, NOW - 3, 4711, 60.0)
    values: dict[str, Any] = {
        "kind": ComponentKind.SERVICE,
        "instance_size": "apps-s-1vcpu-1gb",
        "deployment": "9d1f7a51-6a0e-4a04-9d8e-3e0c5b0d9c11",
        "health": ComponentHealth(name, True, 2, 2, 0.25, 0.5),
        "sources": (read,),
        "minutes": Minutes(STEADY, (0,) * 60, 0.0),
        "app_id": "4f6c71e2-1e9e-4263-8a2f-7f0a8a1d2f1c",
        "deployed_at": NOW - 200_000,
        "watched_since": NOW - 400_000,
    }
    return ComponentStatus(key=ComponentKey(app, name), **(values | options))


def unreadable(status: ComponentStatus, problem: str) -> ComponentStatus:
    """The same with a log that cannot be read, and no health."""
    [source] = status.sources
    blind = replace(source, state="down", problem=problem, last_read=NOW - 700)
    return replace(status, sources=(blind,), health=None)


CRASHING = component(
    "shop",
    "web",
    health=ComponentHealth("web", True, 2, 1, 0.25, 0.5),
    minutes=Minutes(STEADY, (0,) * 40 + (1,) * 20, 2.0),
    crashes=tuple(
        Crash(at, RestartReason.EXCEPTION, WORDS, tuple(at - 1 for _ in WORDS), 1)
        for at in (NOW - 120 - 300 * number for number in range(4))
    ),
    deployed_at=NOW - 1500,
    error_groups=(
        ErrorGroup(
            Level.ERROR,
            "psycopg2.OperationalError: <x>",
            "psycopg2.OperationalError: no password supplied",
            4,
            NOW - 1020,
            NOW - 120,
        ),
    ),
    recent_errors=tuple(
        ErrorLine(NOW - 120 - 300 * number, WORDS[-1].encode()) for number in range(4)
    ),
)
ERRORS_UP = component(
    "pay",
    "api",
    minutes=Minutes(STEADY, (0,) * 45 + (9,) * 15, 3.0),
    recent_errors=tuple(ErrorLine(NOW - 4 - 7 * number, TIMED_OUT.encode()) for number in range(8)),
)
DOWN = component(
    "crm",
    "web",
    health=ComponentHealth("web", False, 2, 0, None, None),
    unhealthy_since=NOW - 700,
)
FAILED = component(
    "batch",
    "report",
    kind=ComponentKind.JOB,
    health=None,
    sources=(),
    job=JobStatus(
        JobSpec(JobKind.SCHEDULED, "0 3 * * *", "UTC", 1800.0),
        next_run=NOW + 68_400,
        runs=(
            JobRun(
                InvocationPhase.FAILED,
                Trigger.SCHEDULE,
                NOW - 18_000,
                NOW - 17_940,
                60.0,
                RestartReason.EXCEPTION,
                WORDS,
                tuple(NOW - 17_941 for _ in WORDS),
                1,
            ),
        ),
    ),
)
UNLISTED = component(
    "batch",
    "cleanup",
    kind=ComponentKind.JOB,
    health=None,
    sources=(),
    job=JobStatus(
        JobSpec(JobKind.SCHEDULED, "0 4 * * *", "UTC", 1800.0),
        next_run=NOW + 72_000,
        last_read=NOW - 4000,
        problem="job_invocations: status 404: id 'not_found', message 'not found'",
    ),
)
NOISY = component("blog", "cms", minutes=Minutes(STEADY, (2,) * 60, 18.0))
PAST = component(
    "blog", "web", crashes=(Crash(NOW - 20_000, RestartReason.OUT_OF_MEMORY, exit_code=137),)
)
FINE = tuple(component("shop", name) for name in ("cart", "search", "mailer"))
ALL = (CRASHING, ERRORS_UP, DOWN, FAILED, NOISY, PAST, *FINE)

STATES: dict[str, Status] = {
    "everything": Status(rows=[*ALL, unreadable(component("crm", "worker"), "logs: status 500")]),
    "crashing": Status(rows=[CRASHING, *FINE]),
    "errors-up": Status(rows=[ERRORS_UP, *FINE]),
    "down": Status(rows=[DOWN, *FINE]),
    "failed-job": Status(rows=[FAILED, *FINE]),
    "jobs-unread": Status(rows=[UNLISTED, *FINE]),
    "calm": Status(rows=[NOISY, PAST, *FINE]),
    "token-refused": Status(
        rows=[unreadable(row, "logs: status 401 (unauthorized)") for row in FINE],
        failures=[
            ApiFailure(Endpoint.APPS, "unauthorized", 1),
            ApiFailure(Endpoint.LOGS, "unauthorized", 6),
        ],
    ),
    "api-away": Status(
        rows=[unreadable(row, "logs: status 503") for row in FINE],
        failures=[
            ApiFailure(Endpoint.APPS, "server_error", 1),
            ApiFailure(Endpoint.LOGS, "server_error", 6),
        ],
    ),
    "unsaved": Status(rows=list(FINE), unsaved="redis://cache:6379: connection refused"),
    "nothing-watched": Status(),
}
"""What the overview shows, by the name of the picture."""


def main() -> None:
    """Write a picture of each state, and of two components' pages."""
    with chromium() as browser:
        for name, status in STATES.items():
            with serving(status=status, about=ABOUT) as base:
                page = new_page(browser, viewport={"width": DESKTOP[0], "height": DESKTOP[1]})
                page.goto(f"{base}/")
                page.screenshot(path=IMAGES / f"state-{name}.png", full_page=True)
                if name == "everything":
                    page.goto(f"{base}/components/shop/web")
                    page.screenshot(path=IMAGES / "state-component.png", full_page=True)
                    page.goto(f"{base}/components/batch/report")
                    page.screenshot(path=IMAGES / "state-job.png", full_page=True)
                    phone = new_page(
                        browser,
                        viewport={"width": PHONE[0], "height": PHONE[1]},
                        color_scheme="dark",
                    )
                    phone.goto(f"{base}/")
                    phone.screenshot(path=IMAGES / "state-phone.png", full_page=True)


if __name__ == "__main__":
    main()
