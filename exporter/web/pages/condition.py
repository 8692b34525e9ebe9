"""What is broken about a component, at a glance: its state in a word, and why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from exporter.model import ComponentKind, ComponentStatus, Crash, InvocationPhase, JobStatus
from exporter.web.pages.words import utc

RECENT_CRASH = 3600.0
"""Seconds for which a crash makes a component one that needs a look."""

RECENT_MINUTES = 10
"""Minutes for which an error does."""


LATE_SECONDS = 300.0
"""Seconds by which a run may begin late before it counts as missing."""


class State(StrEnum):
    """How a component is, the worst first."""

    DOWN = "down"
    FAILING = "failing"
    WAITING = "waiting"
    UP = "up"


@dataclass(frozen=True, slots=True)
class Condition:
    """The state, and in words everything that makes it so; nothing where all is well.

    ``crashes`` counts the containers that ended in the last hour.
    """

    state: State
    reasons: tuple[str, ...] = ()
    crashes: int = 0


def condition(status: ComponentStatus, now: float) -> Condition:
    """How a component is; ``now`` in Unix seconds."""
    down = _what_is_down(status)
    crashes = [crash for crash in status.crashes if now - crash.at <= RECENT_CRASH]
    failing = _what_fails(status, crashes, now)
    reasons = (*down, *failing)
    if reasons:
        return Condition(State.DOWN if down else State.FAILING, reasons, len(crashes))
    if status.job is not None:
        return Condition(State.UP)
    waiting = any(source.state == "waiting" for source in status.sources)
    return Condition(State.WAITING if waiting or not status.sources else State.UP)


def _what_is_down(status: ComponentStatus) -> list[str]:
    found: list[str] = []
    if status.kind is ComponentKind.JOB:
        return found  # it runs now and then: no instance and no log is as it should be
    health = status.health
    if health is not None and health.healthy is False:
        ready = f": {health.replicas_ready} of {health.replicas_desired} instances are ready"
        found.append(f"unhealthy{ready if health.replicas_desired is not None else ''}")
    found += [
        f"its {source.log_type} log can not be read: {source.problem}"
        for source in status.sources
        if source.state == "down"
    ]
    return found


def _what_fails(status: ComponentStatus, crashes: Sequence[Crash], now: float) -> list[str]:
    found = []
    if crashes:
        times = "once" if len(crashes) == 1 else f"{len(crashes)} times"
        found.append(f"its containers ended {times} in the last hour, last: {crashes[0].reason}")
    found += _what_fails_of_a_job(status.job, now) if status.job is not None else ()
    errors = sum(status.minutes.errors[-RECENT_MINUTES:])
    if errors:
        lines = "1 error line" if errors == 1 else f"{errors} error lines"
        found.append(f"{lines} in the last {RECENT_MINUTES} minutes")
    return found


def _what_fails_of_a_job(job: JobStatus, now: float) -> Iterator[str]:
    if job.runs and job.runs[0].phase is InvocationPhase.FAILED:
        reason = f": {job.runs[0].reason}" if job.runs[0].reason else ""
        yield f"its latest run failed{reason}"
    if job.missed_run is not None and now - job.missed_run > LATE_SECONDS:
        yield f"its run of {utc(job.missed_run)} has not begun"
    if job.running_since is not None and now - job.running_since > job.spec.timeout:
        yield "it has run for longer than its time limit"
