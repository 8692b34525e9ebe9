"""Jobs: what kinds there are, when they run, and each run of one."""

from dataclasses import dataclass
from enum import StrEnum


class JobKind(StrEnum):
    """When the platform runs a job; values as in the API's ``kind``, in lower case."""

    PRE_DEPLOY = "pre_deploy"
    POST_DEPLOY = "post_deploy"
    FAILED_DEPLOY = "failed_deploy"
    SCHEDULED = "scheduled"


class InvocationPhase(StrEnum):
    """The phases in which an invocation has ended: the value of the label ``phase``."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    SKIPPED = "skipped"


class Trigger(StrEnum):
    """What started an invocation: the value of the label ``trigger``."""

    SCHEDULE = "schedule"
    MANUAL = "manual"
    UNKNOWN = "unknown"


DEFAULT_JOB_TIMEOUT = 1800.0
"""Seconds that the platform lets a scheduled job run where its spec names no limit."""


@dataclass(frozen=True, slots=True)
class JobSpec:
    """What an app's spec says of a job.

    Args:
        kind: when it runs.
        cron: its schedule; empty where there is none.
        time_zone: the IANA time zone of the schedule.
        timeout: seconds after which the platform ends a run.
    """

    kind: JobKind
    cron: str = ""
    time_zone: str = "UTC"
    timeout: float = DEFAULT_JOB_TIMEOUT


@dataclass(frozen=True, slots=True)
class Invocation:
    """One run of a job as the API lists it; times are Unix seconds.

    Args:
        running: whether it runs now.
        phase: how it ended; None while it has not.
    """

    id: str
    job: str
    deployment_id: str = ""
    phase: InvocationPhase | None = None
    running: bool = False
    trigger: Trigger = Trigger.UNKNOWN
    created_at: float | None = None
    started_at: float | None = None
    completed_at: float | None = None

    @property
    def began_at(self) -> float | None:
        """When it began; None if the API does not say."""
        return self.created_at if self.started_at is None else self.started_at

    @property
    def ended_at(self) -> float | None:
        """When it ended; None if the API does not say."""
        return self.began_at if self.completed_at is None else self.completed_at

    @property
    def duration(self) -> float | None:
        """Seconds from its start to its end; None where one of the two is not told."""
        if self.started_at is None or self.completed_at is None:
            return None
        return max(0.0, self.completed_at - self.started_at)
