"""How everything stands, for people."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from exporter.model.apps import ComponentHealth, ComponentKey, ComponentKind
from exporter.model.jobs import InvocationPhase, JobSpec, Trigger
from exporter.model.logs import LogType, RestartReason
from exporter.model.requests import Endpoint
from exporter.model.rules import Level


@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Error messages of a component that differ in nothing but numbers, ids and names.

    Args:
        template: the words that they share, with `<num>` and the like where others stand.
        sample: one of them; neither text has secrets in it.
        first_seen, last_seen: Unix seconds, by the lines' own time.
    """

    level: Level
    template: str
    sample: str
    count: int
    first_seen: float
    last_seen: float


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """How the reading of one log stands.

    Args:
        state: whether the latest read worked, failed, or none was made yet.
        last_read: when it was last read whole, in Unix seconds; None before the first time.
        last_line: the newest line's own time, in Unix seconds; None before the first.
        lines: lines of this log that were counted.
        interval: seconds between two reads.
        problem: why the latest read failed, in words for people; empty when it did not. It
            carries no credential.
        stream: how its live stream stands, in words for people; empty where none is wanted.
    """

    app: str
    component: str
    log_type: LogType
    state: Literal["up", "down", "waiting"]
    last_read: float | None
    last_line: float | None
    lines: int
    interval: float
    problem: str = ""
    stream: str = ""


@dataclass(frozen=True, slots=True)
class Crash:
    """A container that ended.

    Args:
        at: when, in Unix seconds.
        reason: why, as far as its last words tell.
        lines: its last messages in order, redacted; empty where no text may be kept.
        times: of each line, in Unix seconds, None where it has none; empty where none are known.
        exit_code: as the platform's own line tells it; None where it does not.
    """

    at: float
    reason: RestartReason
    lines: tuple[str, ...] = ()
    times: tuple[float | None, ...] = ()
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class Minutes:
    """Lines counted in each of the last 60 minutes, the present one last.

    Args:
        lines: all of them.
        errors: those that a rule of level error or critical matched.
        usual_errors: errors in ten minutes that are usual, as the median of the last day; None
            before an hour is known.
    """

    lines: tuple[int, ...]
    errors: tuple[int, ...]
    usual_errors: float | None = None


@dataclass(frozen=True)
class ErrorLine:
    """A line or a stack trace's head at level error or critical.

    Args:
        at: Unix seconds.
        message: as it was logged; never shown.
        redact: takes secrets out; called once, when the text is first shown.
    """

    at: float
    message: bytes = field(repr=False)
    redact: Callable[[str], str] = field(default=str, repr=False)

    @cached_property
    def text(self) -> str:
        """What may be shown."""
        return self.redact(self.message.decode("utf-8", "replace"))


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run of a job that has ended, for people.

    Args:
        began, ended: Unix seconds; None where the platform did not tell.
        reason: why it failed, by its last words and its exit code; None where it did not, or its
            log is not read yet.
        lines: the last messages of one that failed, redacted; empty where no text may be kept.
        times: of each line, in Unix seconds, None where it has none; empty where none are known.
        exit_code: of one that failed; None where its log does not tell.
    """

    phase: InvocationPhase
    trigger: Trigger
    began: float | None
    ended: float | None
    duration: float | None
    reason: RestartReason | None = None
    lines: tuple[str, ...] = ()
    times: tuple[float | None, ...] = ()
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class JobStatus:
    """How a job stands.

    Args:
        spec: its kind and schedule.
        running_since: when the oldest run under way began, in Unix seconds; None if there is none.
        next_run: when the schedule wants the next run.
        missed_run: when the oldest run was due that did not begin; None if none is missing.
        runs: its latest runs that have ended, the newest first.
        last_read: when its runs were last listed, in Unix seconds; None if they never were.
        problem: why they cannot be listed now; empty where they can.
    """

    spec: JobSpec
    running_since: float | None = None
    next_run: float | None = None
    missed_run: float | None = None
    runs: tuple[JobRun, ...] = ()
    last_read: float | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ComponentStatus:
    """How one component stands.

    Args:
        key: whose status it is.
        kind: service, worker or job.
        instance_size: the slug of its instance size.
        deployment: id of the app's active deployment; empty if there is none.
        health: what the platform last said of it; None if it was not asked or did not answer.
        sources: how the reading of each of its logs stands.
        minutes: what it wrote in the last hour.
        crashes: its latest container ends, the newest first.
        error_groups: the kinds of its errors, those seen last first.
        job: how its runs stand, of a scheduled job that is observed.
        account: the account that it is of; empty where none has a name.
        app_id: id of its app in the API.
        deployed_at: when the active deployment became active, in Unix seconds; None if not known.
        watched_since: since when the exporter watches, in Unix seconds.
        unhealthy_since: since when the platform calls it unhealthy, or no instance is ready; None
            while that is not so.
        recent_errors: its latest errors, the newest first.
    """

    key: ComponentKey
    kind: ComponentKind
    instance_size: str
    deployment: str
    health: ComponentHealth | None
    sources: tuple[SourceStatus, ...]
    minutes: Minutes
    crashes: tuple[Crash, ...] = ()
    error_groups: tuple[ErrorGroup, ...] = ()
    job: JobStatus | None = None
    account: str = ""
    app_id: str = ""
    deployed_at: float | None = None
    watched_since: float = 0.0
    unhealthy_since: float | None = None
    recent_errors: tuple[ErrorLine, ...] = ()

    def __str__(self) -> str:
        return f"{self.account}: {self.key}" if self.account else str(self.key)


@dataclass(frozen=True, slots=True)
class ApiFailure:
    """An error that requests of one kind fail with at present, and how many targets it meets.

    ``account``: whose requests; empty where no account has a name.
    """

    endpoint: Endpoint
    error: str
    targets: int
    account: str = ""


@dataclass(frozen=True, slots=True)
class BudgetStatus:
    """How the request budget of one token stands.

    Args:
        per_hour, per_minute: requests that are the exporter's to send: its share, of what others
            with the same token leave.
        used_last_hour, used_last_minute: requests that it sent.
        remaining_by_api: requests left of the token's hour; None until the API has said so.
        reset: seconds until the API grants one more; None until it has said so.
        stretch: how many times longer than configured intervals are.
        paused_until: seconds that the API still wants no request; None if it asked for no pause.
    """

    per_hour: int
    used_last_hour: int
    per_minute: int
    used_last_minute: int
    remaining_by_api: int | None
    reset: float | None
    stretch: float
    paused_until: float | None


@dataclass(frozen=True, slots=True)
class ShareStatus:
    """Who owns one share of an account.

    Args:
        account: the name of the account; empty where none is configured.
        owner: the name of the replica; empty if no living one owns it.
        shown: whether this replica owns and shows it.
    """

    account: str
    number: int
    owner: str
    shown: bool


@dataclass(frozen=True, slots=True)
class ReplicaStatus:
    """How the replicas stand, as one of them sees it.

    Args:
        name: its own name.
        members: the names of those alive, with the number of shares that each owns.
        problem: why this one cannot take part, in words; empty if it does.
    """

    name: str
    members: tuple[tuple[str, int], ...]
    shares: tuple[ShareStatus, ...]
    problem: str = ""
