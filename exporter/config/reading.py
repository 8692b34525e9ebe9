"""The sections of the configuration about what is read, and how."""

from enum import StrEnum
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from exporter.config.fields import (
    Duration,
    Flag,
    Glob,
    Identifier,
    Items,
    ItemsOrNone,
    Kind,
    Number,
    Section,
    SectionOrNone,
    Text,
    Whole,
)
from exporter.config.rules import PatternRule, RuleOverride
from exporter.model import LogType, Rule, RuleTuning

_READABLE = (LogType.RUN, LogType.RUN_RESTARTED, LogType.BUILD, LogType.DEPLOY)


def _readable(value: object) -> object:
    """Refuse what is no log of a component; the logs of a job's runs are read with its runs."""
    if value in _READABLE:
        return value
    names = [f"'{log_type}'" for log_type in _READABLE]
    raise PydanticCustomError("enum", "no log", {"expected": ", ".join(names)})


ReadableLog = Annotated[
    LogType,
    BeforeValidator(_readable),
    Kind(", ".join(f"`{log_type}`" for log_type in _READABLE)),
]
"""A log that is read by its type."""


class LogMode(StrEnum):
    """How the RUN log is read."""

    POLL = "poll"
    FOLLOW = "follow"
    AUTO = "auto"
    RECEIVE = "receive"


class LogScope(StrEnum):
    """Whether one request asks for the log of one component or of a whole app."""

    COMPONENT = "component"
    APP = "app"


class Discovery(Section):
    """Which apps and components are watched."""

    interval: Duration = Field(
        default=300.0,
        ge=1.0,
        description="How often the list of apps is asked for: how long a new app or component "
        "can go unnoticed.",
    )
    include: Items[Glob] = Field(
        default=("*",),
        min_length=1,
        description="Globs on `app` or `app/component`; what matches none of them is not watched.",
    )
    exclude: ItemsOrNone[Glob] = Field(
        default=(), description="Globs of the same form; what matches one of them is not watched."
    )


class Logs(Section):
    """How logs are read."""

    types: Items[ReadableLog] = Field(
        default=(LogType.RUN, LogType.RUN_RESTARTED),
        min_length=1,
        description="Which logs of a component are read. `RUN_RESTARTED` is that of the container "
        "before the last restart, often the only place where a crash shows. `BUILD` and `DEPLOY` "
        "are read once per deployment, when it has finished.",
    )
    mode: LogMode = Field(
        default=LogMode.POLL,
        description="`poll` reads every log once per interval; `follow` keeps the RUN log open "
        "as a live stream, and has RUN_RESTARTED read when a stream ends and once an hour; "
        "`auto` follows where the log hosts serve streams that last, and polls elsewhere; "
        "`receive` asks for no RUN log and counts what the platform pushes, see "
        "[receiving](receiving.md).",
    )
    scope: LogScope = Field(
        default=LogScope.COMPONENT,
        description="`component` asks for the log of each component; `app` asks once for all "
        "components of an app, and by component only where that leaves something open. Of logs "
        "that are polled.",
    )
    interval: Duration = Field(
        default=60.0,
        ge=1.0,
        description="How often each log is read, with some jitter so that requests spread out. "
        "Stretched where it does not fit the request budget.",
    )
    tail_lines: Whole = Field(
        default=1000,
        ge=1,
        le=100_000,
        description="How many of its newest lines are asked for at the most at each read of a "
        "log; a quiet one is asked for fewer. A component that writes more in one interval has "
        "gaps, which are counted.",
    )
    lookback: Duration = Field(
        default=0.0,
        ge=0.0,
        description="How old a line may be to count at the very first read of a log; `0s` counts "
        "only what is written from then on.",
    )
    pod_connection_timeout: Duration = Field(
        default=180.0,
        ge=1.0,
        description="How long the platform itself may try to reach a container for its log.",
    )
    timeout: Duration = Field(
        default=30.0, gt=0.0, description="How long one request, or one read of a log, may take."
    )
    max_line_bytes: Whole = Field(
        default=65_536,
        ge=64,
        le=16 * 1024 * 1024,
        description="What a line holds beyond so many bytes is cut off before it is matched; the "
        "line counts all the same.",
    )
    unwrap: Flag = Field(
        default=True,
        description="Whether colours, overwritten text and the prefixes of process managers and "
        "container runtimes are taken off before rules look at a line, see "
        "[messages](messages.md).",
    )
    workers: Whole = Field(
        default=8, ge=1, le=256, description="How many logs are read at the same time."
    )


class Patterns(Section):
    """What to look for in log lines."""

    packs: Items[Text] = Field(
        default=("default",),
        description="Built-in sets of rules to use, see [patterns](patterns.md): `default` is all "
        "of them but `canary`, `[]` none. A pack that is named twice counts once.",
    )
    rules: ItemsOrNone[PatternRule] = Field(default=(), description="Rules of your own.")

    overrides: Annotated[
        dict[Identifier, Annotated[RuleOverride, SectionOrNone]], SectionOrNone
    ] = Field(
        default_factory=dict,
        description="Changes of rules that ship, by their names, see "
        "[patterns](patterns.md#tuning-a-rule).",
    )

    def tunings(self) -> dict[str, RuleTuning]:
        """The changes of rules that ship, by their names."""
        return {name: override.as_tuning() for name, override in self.overrides.items()}

    def user_rules(self) -> tuple[Rule, ...]:
        """The rules of the file, in its order."""
        return tuple(rule.as_rule() for rule in self.rules)


class Collectors(Section):
    """What is asked of the API beside logs. Each costs requests; those that are off cost none."""

    health: Flag = Field(
        default=True,
        description="Instances wanted and ready, health, CPU and memory use of components.",
    )
    instances: Flag = Field(
        default=False, description="The instances that run, by their stable alias."
    )
    restart_count: Flag = Field(
        default=True,
        description="The platform's own restart counts; the token needs the scope "
        "`monitoring:read` for them.",
    )
    deployments: Flag = Field(
        default=True, description="Deployments, their phases and when they ended."
    )
    jobs: Flag = Field(
        default=True,
        description="The runs of scheduled jobs and their logs: one request each `logs.interval` "
        "for each app that has such a job, and one for the log of each run.",
    )
    events: Flag = Field(default=False, description="Autoscaling, by component and why.")
    bandwidth: Flag = Field(
        default=False,
        description="What each app sent on the last full day: one request a day for all apps.",
    )


class ApiBudget(Section):
    """How much of the API's rate limit may be used.

    The defaults are what the platform grants a token. Where the intervals do not fit, all are
    stretched evenly; the interval in force is `digitalocean_app_source_interval_seconds`.
    """

    per_hour: Whole = Field(
        default=5000, ge=1, description="Requests an hour that the token is granted."
    )
    per_minute: Whole = Field(
        default=250, ge=1, description="Requests a minute that the token is granted."
    )
    share: Number = Field(
        default=0.8,
        gt=0,
        le=1,
        description="The part of both that the exporter may use; the rest is left to other users "
        "of the same token.",
    )
