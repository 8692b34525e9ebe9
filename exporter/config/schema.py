"""The configuration file as frozen values, with every default and what each key means.

``load`` fills these from YAML and ``reference`` writes the documentation from them. They are built
from checked data only: what concerns several keys at once is checked in ``checks``.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from exporter.config.accounts import Account, DigitalOcean
from exporter.config.addresses import ListenAddress
from exporter.config.fields import (
    ApiUrl,
    Duration,
    FilePath,
    Flag,
    Glob,
    Identifier,
    Items,
    ItemsOrNone,
    Kind,
    Listen,
    Number,
    Section,
    SectionOrNone,
    StateUrl,
    Text,
    UrlPath,
    WebhookUrl,
    Whole,
)
from exporter.config.rules import PatternRule, RuleOverride
from exporter.model import LogType, NotifyEvent, Rule, RuleTuning

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


class State(Section):
    """Where counts and positions in logs are kept."""

    url: StateUrl | None = Field(
        default=None,
        description="`null` keeps them in memory: counters start at 0 when the exporter does. "
        "`sqlite:///PATH`, `redis://HOST:PORT/DB` and "
        "`postgresql://USER:PASSWORD@HOST:PORT/DATABASE` keep them over restarts. The path of a "
        "file is absolute, so `sqlite:///var/lib/x.db` and `sqlite:////var/lib/x.db` are both "
        "`/var/lib/x.db`; its folder must exist, and only one exporter can use it at a time. "
        "In a database of Redis or Valkey (`rediss://` with TLS; the extra `redis`) or of "
        "PostgreSQL (`?sslmode=verify-full` and other parameters of libpq; the extra "
        "`postgresql`) the exporter that started last owns the state.",
    )

    @property
    def sqlite_path(self) -> Path | None:
        """The file of an ``sqlite`` URL; None where that is not the kind of store."""
        scheme, _, path = (self.url or "").partition(":")
        return Path("/", path.lstrip("/")) if scheme == "sqlite" else None

    @property
    def redis_url(self) -> str | None:
        """The URL of a Redis or Valkey database; None where that is not the kind of store."""
        return self.url if self.url and self.url.startswith(("redis:", "rediss:")) else None

    @property
    def postgresql_url(self) -> str | None:
        """The URL of a PostgreSQL database; None where that is not the kind of store."""
        return self.url if self.url and self.url.startswith("postgres") else None

    @property
    def shared(self) -> bool:
        """True where several exporters can use the store at the same time."""
        return self.redis_url is not None or self.postgresql_url is not None


class Web(Section):
    """What is served, and where."""

    listen_addresses: Items[Listen] = Field(
        default=(ListenAddress("", 10046),),
        min_length=1,
        description="Where to listen: `HOST:PORT`, `[IPV6]:PORT`, or `:PORT` for every interface.",
    )
    config_file: FilePath | None = Field(
        default=None,
        description="TLS and authentication, in the file format of the Prometheus "
        "exporter-toolkit, see `docs/web-configuration.md`; `null` serves plain HTTP to everybody.",
    )
    telemetry_path: UrlPath = Field(default="/metrics", description="The path of the metrics.")
    excerpts: Flag = Field(
        default=True,
        description="Whether the page may show log lines that matched; metrics never do.",
    )
    prometheus_url: ApiUrl | None = Field(
        default=None,
        description="A Prometheus that has the project's alert rules, as this process reaches it: "
        "the page then shows, when asked, how each alert stands there. `null` for none.",
    )
    external_url: ApiUrl | None = Field(
        default=None,
        description="The address of the pages as people reach them: notifications link to it. "
        "`null` for no links.",
    )


class Notify(Section):
    """Where the exporter sends events, with their last lines; see [notify](notify.md)."""

    alertmanager_urls: ItemsOrNone[ApiUrl] = Field(
        default=(),
        description="Alertmanagers, by the address of their pages; events become alerts there.",
    )
    webhook_urls: ItemsOrNone[WebhookUrl] = Field(
        default=(), description="Addresses that a JSON document is posted to for each event."
    )
    events: Items[NotifyEvent] = Field(
        default=tuple(NotifyEvent), description="The kinds of event that are sent."
    )


class Receive(Section):
    """Logs that the platform pushes, see [receiving](receiving.md)."""

    listen_addresses: ItemsOrNone[Listen] = Field(
        default=(),
        description="Where pushed logs are taken, in the forms of OpenSearch, Datadog and "
        "OTLP/HTTP; none takes none.",
    )
    config_file: FilePath | None = Field(
        default=None,
        description="TLS and users, in the form of `web.config_file`. A Datadog key is the "
        "password of the user `datadog`, a bearer token that of `otlp`; `null` takes logs from "
        "everybody.",
    )
    components: ItemsOrNone[Glob] = Field(
        default=(),
        description="Globs on `app` or `app/component`: whose lines are received, while all others "
        "are polled or followed. Left out, `logs.mode: receive` receives those of all and every "
        "other mode those of none.",
    )
    max_body_bytes: Whole = Field(
        default=32 * 1024 * 1024,
        ge=1024,
        le=1024 * 1024 * 1024,
        description="How large the body of a request may be, decompressed.",
    )
    otlp_app_attributes: Items[Text] = Field(
        default=("do_app_name", "do.app.name", "app.name", "service.namespace"),
        min_length=1,
        description="Attributes of an OTLP record, or of its resource, that name the app; the "
        "first that is there counts.",
    )
    otlp_component_attributes: Items[Text] = Field(
        default=("do_component_name", "do.component.name", "app.component", "service.name"),
        min_length=1,
        description="Likewise those that name the component.",
    )


class Replicas(Section):
    """Several exporters that share the work, see [availability](high-availability.md).

    All have the same configuration. Each account is cut into shares by app. One replica owns a
    share: it alone reads, counts and shows the apps of it. When a replica ends or falls silent,
    the others take its shares and continue its counters.
    """

    enabled: Flag = Field(
        default=False,
        description="Whether other exporters with this configuration take part. Needs a database "
        "that all of them reach: `state.url` with `redis://`, `rediss://` or `postgresql://`.",
    )
    name: Text | None = Field(
        default=None, description="The name of this replica; `null` for the name of the host."
    )
    shares: Whole = Field(
        default=1,
        ge=1,
        le=1000,
        description="Into how many parts each account is cut. At least as many as there are "
        "replicas, where each is to have work. Each part has as large a part of the request "
        "budget. The same for all replicas.",
    )
    takeover_after: Duration = Field(
        default=10.0,
        ge=1.0,
        le=3600.0,
        description="How long a replica may be silent before others take its shares. It stops "
        "showing them by itself after 60 % of this time without an answer of the database.",
    )


class Config(Section):
    """The whole configuration file; every key may be left out."""

    digitalocean: Annotated[DigitalOcean, SectionOrNone] = DigitalOcean.model_construct()
    accounts: ItemsOrNone[Account] = ()
    discovery: Annotated[Discovery, SectionOrNone] = Discovery.model_construct()
    logs: Annotated[Logs, SectionOrNone] = Logs.model_construct()
    patterns: Annotated[Patterns, SectionOrNone] = Patterns.model_construct()
    collectors: Annotated[Collectors, SectionOrNone] = Collectors.model_construct()
    api_budget: Annotated[ApiBudget, SectionOrNone] = ApiBudget.model_construct()
    state: Annotated[State, SectionOrNone] = State.model_construct()
    web: Annotated[Web, SectionOrNone] = Web.model_construct()
    receive: Annotated[Receive, SectionOrNone] = Receive.model_construct()
    replicas: Annotated[Replicas, SectionOrNone] = Replicas.model_construct()
    notify: Annotated[Notify, SectionOrNone] = Notify.model_construct()
