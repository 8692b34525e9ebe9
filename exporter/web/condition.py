"""What is broken about a component, at a glance: its state in a word, and why."""

from dataclasses import dataclass
from enum import StrEnum

from exporter.model import ComponentStatus

RECENT_CRASH = 3600.0
"""Seconds for which a crash makes a component one that needs a look."""

RECENT_MINUTES = 10
"""Minutes for which an error does."""


class State(StrEnum):
    """How a component is, the worst first."""

    DOWN = "down"
    FAILING = "failing"
    WAITING = "waiting"
    UP = "up"


@dataclass(frozen=True, slots=True)
class Condition:
    """The state, and in words everything that makes it so; nothing where all is well."""

    state: State
    reasons: tuple[str, ...] = ()


def condition(status: ComponentStatus, now: float) -> Condition:
    """How a component is; ``now`` in Unix seconds."""
    down = list(_what_is_down(status))
    if failing := list(_what_fails(status, now)):
        return Condition(State.DOWN if down else State.FAILING, (*down, *failing))
    if down:
        return Condition(State.DOWN, tuple(down))
    waiting = any(source.state == "waiting" for source in status.sources)
    return Condition(State.WAITING if waiting or not status.sources else State.UP)


def _what_is_down(status: ComponentStatus) -> list[str]:
    found = []
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


def _what_fails(status: ComponentStatus, now: float) -> list[str]:
    found = []
    recent = [crash for crash in status.crashes if now - crash.at <= RECENT_CRASH]
    if recent:
        times = "once" if len(recent) == 1 else f"{len(recent)} times"
        found.append(f"its containers ended {times} in the last hour, last: {recent[0].reason}")
    errors = sum(status.minutes.errors[-RECENT_MINUTES:])
    if errors:
        lines = "1 error line" if errors == 1 else f"{errors} error lines"
        found.append(f"{lines} in the last {RECENT_MINUTES} minutes")
    return found
