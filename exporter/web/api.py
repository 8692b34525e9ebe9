"""The API under ``/api/v1``: what the pages show of components, as JSON."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from exporter.model import ComponentStatus, Crash, ErrorGroup, JobRun, JobStatus, SourceStatus
from exporter.web.pages.condition import condition
from exporter.web.pages.page import About
from exporter.web.pages.status import StatusSource

COMPONENTS_PATH = "/api/v1/components"
COMPONENT_PATH = "/api/v1/components/{app}/{component}"
CRASHES_PATH = "/api/v1/components/{app}/{component}/crashes"


class Api:
    """Answers from memory; times are RFC 3339 in UTC, null where nothing is known.

    Args:
        status: how the reading stands.
        about: returns, among others, whether text of log lines may be shown.
        clock: Unix seconds.
    """

    def __init__(
        self, status: StatusSource, about: Callable[[], About], clock: Callable[[], float]
    ) -> None:
        self._status = status
        self._about = about
        self._clock = clock

    def components(self) -> dict[str, Any]:
        """Every component, in short."""
        return {"components": [self._short(status) for status in self._status.components()]}

    def component(self, app: str, component: str, account: str) -> dict[str, Any] | None:
        """All that is known of one component; None if there is no such component."""
        status = self._find(app, component, account)
        if status is None:
            return None
        return {
            **self._short(status),
            "sources": [_source(source) for source in status.sources],
            "minutes": {
                "lines": list(status.minutes.lines),
                "errors": list(status.minutes.errors),
            },
            "error_groups": [self._group(group) for group in status.error_groups],
            "crashes": self._crashes(status),
            "job": None if status.job is None else self._job(status.job),
        }

    def crashes(self, app: str, component: str, account: str) -> dict[str, Any] | None:
        """The latest container ends of a component, newest first; None if there is none such."""
        status = self._find(app, component, account)
        return None if status is None else {"crashes": self._crashes(status)}

    def _find(self, app: str, component: str, account: str) -> ComponentStatus | None:
        wanted = (app, component, account)
        components = self._status.components()
        return next((s for s in components if (*s.key.parts, s.account) == wanted), None)

    def _short(self, status: ComponentStatus) -> dict[str, Any]:
        health = status.health
        stands = condition(status, self._clock())
        return {
            "account": status.account or None,
            "app": status.key.app,
            "component": status.key.component,
            "kind": status.kind,
            "condition": stands.state,
            "deployment_id": status.deployment or None,
            "replicas_desired": health.replicas_desired if health else None,
            "replicas_ready": health.replicas_ready if health else None,
            "healthy": health.healthy if health else None,
            "lines_last_hour": sum(status.minutes.lines),
            "errors_last_hour": sum(status.minutes.errors),
            "last_crash": _crash_in_short(status.crashes),
        }

    def _crashes(self, status: ComponentStatus) -> list[dict[str, Any]]:
        return [
            {
                "at": _time(crash.at),
                "reason": crash.reason,
                "exit_code": crash.exit_code,
                "lines": list(crash.lines) if self._about().excerpts else [],
            }
            for crash in status.crashes
        ]

    def _job(self, job: JobStatus) -> dict[str, Any]:
        return {
            "cron": job.spec.cron,
            "time_zone": job.spec.time_zone,
            "timeout_seconds": job.spec.timeout,
            "next_run": _time(job.next_run),
            "missed_run": _time(job.missed_run),
            "running_since": _time(job.running_since),
            "last_read": _time(job.last_read),
            "problem": job.problem,
            "runs": [self._run(run) for run in job.runs],
        }

    def _run(self, run: JobRun) -> dict[str, Any]:
        return {
            "began": _time(run.began),
            "ended": _time(run.ended),
            "phase": run.phase,
            "trigger": run.trigger,
            "duration_seconds": run.duration,
            "reason": run.reason,
            "exit_code": run.exit_code,
            "lines": list(run.lines) if self._about().excerpts else [],
        }

    def _group(self, group: ErrorGroup) -> dict[str, Any]:
        shown = self._about().excerpts
        return {
            "level": group.level,
            "template": group.template if shown else "",
            "sample": group.sample if shown else "",
            "count": group.count,
            "first_seen": _time(group.first_seen),
            "last_seen": _time(group.last_seen),
        }


def _source(source: SourceStatus) -> Mapping[str, Any]:
    return {
        "log_type": source.log_type,
        "state": source.state,
        "last_read": _time(source.last_read),
        "last_line": _time(source.last_line),
        "lines": source.lines,
        "interval_seconds": source.interval,
        "problem": source.problem,
        "stream": source.stream,
    }


def _crash_in_short(crashes: Sequence[Crash]) -> Mapping[str, Any] | None:
    return {"at": _time(crashes[0].at), "reason": crashes[0].reason} if crashes else None


def _time(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
