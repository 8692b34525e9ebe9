"""What is broken about a component, at a glance: its state in a word, since when, and why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from exporter.model import (
    ComponentKind,
    ComponentStatus,
    Crash,
    ErrorGroup,
    InvocationPhase,
    JobStatus,
)
from exporter.web.pages.formatting import utc, words

HOUR = 3600.0
CRASHING_SECONDS = 1800.0
CRASHING_ENDS = 2
"""So many container ends in that time are no accident."""

RECENT_MINUTES = 10
"""Minutes whose errors are held against the usual."""

RISE = 3.0
FLOOR = 5.0
"""Errors are up at more than so many times their usual; fewer than the floor count as it."""

NEW_SECONDS = 3600.0
"""A new kind of error counts for so long after a deployment."""

LATE_SECONDS = 300.0
"""Seconds by which a run may begin late before it counts as missing."""


class State(StrEnum):
    """How a component is, the worst first."""

    DOWN = "down"
    CRASHING = "crashing"
    FAILED = "failed"
    ERRORS_UP = "errors up"
    BLIND = "blind"
    NOISY = "noisy"
    WAITING = "waiting"
    FINE = "fine"


BROKEN = frozenset({State.DOWN, State.CRASHING, State.FAILED, State.ERRORS_UP})
"""What needs somebody."""


@dataclass(frozen=True, slots=True)
class Condition:
    """The state, and in words everything that makes it so; nothing where all is well.

    Args:
        crashes: containers that ended in the last hour.
        since: since when it is so, in Unix seconds; None where that is not known.
        new_groups: kinds of error that came with the active deployment.
    """

    state: State
    reasons: tuple[str, ...] = ()
    crashes: int = 0
    since: float | None = None
    new_groups: tuple[ErrorGroup, ...] = ()


def condition(status: ComponentStatus, now: float) -> Condition:
    """How a component is; ``now`` in Unix seconds."""
    crashes = [crash for crash in status.crashes if now - crash.at <= HOUR]
    new = tuple(_new_groups(status, now))
    for state, reasons, since in _findings(status, crashes, new, now):
        if reasons:
            return Condition(state, tuple(reasons), len(crashes), since, new)
    waiting = any(source.state == "waiting" for source in status.sources) or not status.sources
    if waiting and status.job is None:
        return Condition(State.WAITING, (), len(crashes))
    return Condition(State.FINE, (), len(crashes))


def _findings(
    status: ComponentStatus, crashes: Sequence[Crash], new: Sequence[ErrorGroup], now: float
) -> Iterator[tuple[State, list[str], float | None]]:
    """Each state but the last two with what speaks for it, the worst first."""
    yield State.DOWN, list(_down(status)), status.unhealthy_since
    lately = [crash for crash in crashes if now - crash.at <= CRASHING_SECONDS]
    if len(lately) >= CRASHING_ENDS:
        yield State.CRASHING, [_ended(len(crashes), crashes[0])], crashes[-1].at
    if status.job is not None:
        yield State.FAILED, list(_failed(status.job, now)), _failed_since(status.job)
    yield State.ERRORS_UP, list(_errors_up(status, new)), _errors_since(status, new, now)
    yield State.BLIND, list(_blind(status)), _blind_since(status)
    errors = _recent_errors(status)
    if errors:
        usual = ", as usual" if status.minutes.usual_errors is not None else ""
        yield State.NOISY, [f"{_lines(errors)} in the last {RECENT_MINUTES} minutes{usual}"], None


def _down(status: ComponentStatus) -> Iterator[str]:
    health = status.health
    # A job runs now and then: no instance is as it should be.
    if status.kind is ComponentKind.JOB or health is None or not health.is_down:
        return
    if health.replicas_desired is None:
        yield "the platform calls it unhealthy"
        return
    ready = health.replicas_ready if health.replicas_ready is not None else "?"
    unhealthy = "unhealthy, " if health.healthy is False else ""
    yield f"{unhealthy}{ready} of {health.replicas_desired} replicas are ready"


def _ended(number: int, latest: Crash) -> str:
    return f"its containers ended {number} times in the last hour, last: {words(latest.reason)}"


def _failed(job: JobStatus, now: float) -> Iterator[str]:
    if job.runs and job.runs[0].phase is InvocationPhase.FAILED:
        reason = f": {words(job.runs[0].reason)}" if job.runs[0].reason else ""
        yield f"its latest run failed{reason}"
    if job.missed_run is not None and now - job.missed_run > LATE_SECONDS:
        yield f"its run of {utc(job.missed_run)} has not begun"
    if job.running_since is not None and now - job.running_since > job.spec.timeout:
        yield "it has run for longer than its time limit"


def _failed_since(job: JobStatus) -> float | None:
    if job.runs and job.runs[0].phase is InvocationPhase.FAILED:
        return job.runs[0].ended
    return job.missed_run if job.missed_run is not None else job.running_since


def _errors_up(status: ComponentStatus, new: Sequence[ErrorGroup]) -> Iterator[str]:
    usual, errors = status.minutes.usual_errors, _recent_errors(status)
    if usual is not None and errors > RISE * max(usual, FLOOR):
        yield f"{_lines(errors)} in the last {RECENT_MINUTES} minutes, {usual:g} are usual"
    if new:
        kinds = "a kind" if len(new) == 1 else f"{len(new)} kinds"
        yield f"{kinds} of error that came with the latest deployment"


def _new_groups(status: ComponentStatus, now: float) -> Iterator[ErrorGroup]:
    """Kinds of error first seen after a deployment that the exporter saw."""
    deployed = status.deployed_at
    if deployed is None or deployed < status.watched_since or now - deployed > NEW_SECONDS:
        return
    yield from (group for group in status.error_groups if group.first_seen >= deployed)


def _errors_since(status: ComponentStatus, new: Sequence[ErrorGroup], now: float) -> float | None:
    """The first of the minutes with errors that lead to now, or the first of the new kinds."""
    if new:
        return min(group.first_seen for group in new)
    quiet = 0
    since = None
    for ago, errors in enumerate(reversed(status.minutes.errors)):
        quiet = 0 if errors else quiet + 1
        if quiet > RECENT_MINUTES:
            break
        if errors:
            since = (now // 60 - ago) * 60
    return since


def _blind(status: ComponentStatus) -> Iterator[str]:
    if status.job is not None and status.job.problem:
        yield f"its runs cannot be read: {status.job.problem}"
    if status.kind is ComponentKind.JOB:
        return  # no log of its own between two runs
    for source in status.sources:
        if source.state == "down":
            yield f"its {source.log_type} log cannot be read: {source.problem}"


def _blind_since(status: ComponentStatus) -> float | None:
    reads = [source.last_read for source in status.sources if source.state == "down"]
    if status.job is not None and status.job.problem:
        reads.append(status.job.last_read)
    return min((at for at in reads if at is not None), default=None)


def _recent_errors(status: ComponentStatus) -> int:
    return sum(status.minutes.errors[-RECENT_MINUTES:])


def _lines(number: int) -> str:
    return "1 error line" if number == 1 else f"{number} error lines"
