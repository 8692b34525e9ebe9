"""The values that travel through the program; no behaviour beyond what a value says of itself.

Times are Unix seconds (``float``) where the API gives them, and Unix nanoseconds (``int``)
where a log line does, since two lines may differ in nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from typing import Literal, NamedTuple


class LogType(StrEnum):
    """The logs that the platform keeps of a component; values as in the API's ``type``."""

    RUN = "RUN"
    RUN_RESTARTED = "RUN_RESTARTED"
    BUILD = "BUILD"
    DEPLOY = "DEPLOY"


class ComponentKind(StrEnum):
    """The kinds of component that have run-time logs."""

    SERVICE = "service"
    WORKER = "worker"
    JOB = "job"


class Level(StrEnum):
    """How bad a line is that a rule matches."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class MetricType(StrEnum):
    """The types of metric that a rule can feed."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


ERRORS = frozenset({Level.ERROR, Level.CRITICAL})
"""The levels at which something is broken."""


class RestartReason(StrEnum):
    """Why a container ended, as far as its own last words tell."""

    OUT_OF_MEMORY = "out_of_memory"
    PANIC = "panic"
    EXCEPTION = "exception"
    SIGNAL = "signal"
    HEALTH_CHECK = "health_check"
    PORT_IN_USE = "port_in_use"
    MISSING_MODULE = "missing_module"
    CONFIGURATION = "configuration"
    EXIT = "exit"
    UNKNOWN = "unknown"


class Endpoint(StrEnum):
    """What a request asks for: the value of the label ``endpoint``, never a URL."""

    APPS = "apps"
    DEPLOYMENTS = "deployments"
    LOGS = "logs"
    LOG_CONTENT = "log_content"
    INSTANCES = "instances"
    HEALTH = "health"
    RESTART_COUNT = "restart_count"


RUN_TIME_LOGS = frozenset({LogType.RUN, LogType.RUN_RESTARTED})
"""The logs of containers, which go on; those of a deployment's own steps end with it."""


class DeploymentStage(StrEnum):
    """The two parts of a deployment: the value of the label ``step``."""

    BUILD = "build"
    DEPLOY = "deploy"


FINAL_PHASES = frozenset({"ACTIVE", "SUPERSEDED", "ERROR", "CANCELED"})
"""The phases in which a deployment has come to rest (API: ``deployment.phase``)."""


@dataclass(frozen=True, slots=True)
class DeploymentStep:
    """One part of a deployment as the platform tells it; times are Unix seconds.

    ``failed`` with the platform's own word for why in ``reason``, which may be empty.
    """

    stage: DeploymentStage
    started_at: float | None = None
    ended_at: float | None = None
    failed: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment of an app; ``phase_changed_at`` is when it entered its phase."""

    id: str
    phase: str
    created_at: float | None = None
    phase_changed_at: float | None = None
    steps: tuple[DeploymentStep, ...] = ()


@dataclass(frozen=True, slots=True)
class Component:
    """One service, worker or job of an app; ``instance_count`` is None where the spec is silent."""

    name: str
    kind: ComponentKind
    instance_size: str = ""
    instance_count: int | None = None


@dataclass(frozen=True, slots=True)
class App:
    """One app with the components that have run-time logs, and its deployments by role."""

    id: str
    name: str
    region: str = ""
    tier: str = ""
    components: tuple[Component, ...] = ()
    active_deployment: Deployment | None = None
    newest_deployment: Deployment | None = None


@dataclass(frozen=True, slots=True)
class ComponentKey:
    """The identity of a component in every metric: its app's name and its own."""

    app: str
    component: str

    def __str__(self) -> str:
        return f"{self.app}/{self.component}"

    @property
    def parts(self) -> tuple[str, str]:
        """App and component, in the order of the labels."""
        return self.app, self.component


@dataclass(frozen=True, slots=True)
class Source:
    """One log of one component: what a poll reads."""

    app_id: str
    key: ComponentKey
    log_type: LogType

    def __str__(self) -> str:
        return f"{self.key} {self.log_type}"


@dataclass(frozen=True, slots=True)
class LogLocations:
    """Where the text of a log is to be had.

    The URLs carry credentials of their own, so they stay out of ``repr``. Nothing in either
    field means that there is no log, which is no error.
    """

    live_url: str | None = field(default=None, repr=False)
    archive_urls: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class LogChunk:
    """Some bytes of a log, cut anywhere; ``part`` numbers the archives from 0, live text is -1.

    ``last`` marks the end of its part, reached in good order.
    """

    data: bytes
    part: int
    last: bool = False


LIVE_PART = -1
"""``LogChunk.part`` of live text."""


class LogLine(NamedTuple):
    """One line of a log.

    Args:
        raw: the line as served without its newline, cut at the configured length.
        size: bytes as served, the newline and what was cut off included.
        timestamp: the platform's own time in nanoseconds, None on a line without prefix.
        message: what the program wrote: ``raw`` without component and timestamp.
    """

    raw: bytes
    size: int
    timestamp: int | None
    message: bytes


@dataclass(frozen=True, slots=True)
class ComponentHealth:
    """The platform's view of one component; ratios are 0 to 1, None where it says nothing."""

    component: str
    healthy: bool | None
    replicas_desired: int | None
    replicas_ready: int | None
    cpu_usage_ratio: float | None
    memory_usage_ratio: float | None


@dataclass(frozen=True, slots=True)
class Instance:
    """One running instance: ``alias`` is stable (``web-0``), ``name`` is not."""

    component: str
    name: str
    alias: str


@dataclass(frozen=True, slots=True)
class InstanceRestarts:
    """The platform's own restart count of one instance, by its stable alias."""

    component: str
    component_instance: str
    count: float


@dataclass(frozen=True, slots=True)
class RuleTests:
    """Lines that a rule must match and lines that it must not."""

    match: tuple[str, ...] = ()
    no_match: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldCondition:
    """What a field of a JSON or logfmt message must be for a rule to match.

    Args:
        path: the field; dots lead into objects.
        values: the field equals one of these; or
        regex: this, in RE2 syntax, is found in the field's text. None where only values count.
    """

    path: str
    values: tuple[str | float | bool, ...]
    regex: str | None = None


@dataclass(frozen=True, slots=True)
class RuleMetric:
    """A metric of its own that a rule feeds.

    Args:
        labels: label names, each with the named group or field that gives its value.
        value: the group or field to add, set or observe; None counts matches.
        buckets: upper bounds of a histogram's buckets, without the infinite one.
        max_series: how many combinations of label values there may be.
    """

    name: str
    type: MetricType
    help: str
    labels: tuple[tuple[str, str], ...] = ()
    value: str | None = None
    buckets: tuple[float, ...] = ()
    max_series: int = 100


@dataclass(frozen=True, slots=True)
class Rule:
    """What to look for in messages: ``regex``, or ``fields`` in its place.

    A regex is in RE2 syntax and searched anywhere in the message; of fields each must hold.
    ``components`` are globs on ``app`` or ``app/component``; none means every component.
    ``per_event``: it counts a stack trace once, however many of its lines it matches.
    """

    name: str
    regex: str | None = None
    level: Level = Level.ERROR
    exclude_regex: str | None = None
    components: tuple[str, ...] = ()
    tests: RuleTests = RuleTests()
    description: str = ""
    fields: tuple[FieldCondition, ...] = ()
    metric: RuleMetric | None = None
    per_event: bool = False

    @property
    def meaning(self) -> str:
        """What counts of this rule stand for: the same for rules that match the same lines."""
        parts: tuple[object, ...] = (self.regex, self.exclude_regex)
        if self.fields:
            parts = (*parts, sorted(map(repr, self.fields)))
        if self.per_event:
            parts = (*parts, "event")
        return blake2b(repr(parts).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class ErrorKind:
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
    """

    at: float
    reason: RestartReason
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Minutes:
    """Lines counted in each of the last 60 minutes, the present one last.

    Args:
        lines: all of them.
        errors: those that a rule of level error or critical matched.
    """

    lines: tuple[int, ...]
    errors: tuple[int, ...]


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
        error_kinds: the kinds of its errors, those seen last first.
        account: the account that it is of; empty where none has a name.
    """

    key: ComponentKey
    kind: ComponentKind
    instance_size: str
    deployment: str
    health: ComponentHealth | None
    sources: tuple[SourceStatus, ...]
    minutes: Minutes
    crashes: tuple[Crash, ...] = ()
    error_kinds: tuple[ErrorKind, ...] = ()
    account: str = ""

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


Params = Mapping[str, str | int]
"""Query parameters of an API request."""
