"""The sections about state, the endpoints, notifications, received logs and replicas."""

from pathlib import Path

from pydantic import Field

from exporter.config.addresses import ListenAddress
from exporter.config.fields import (
    ApiUrl,
    Duration,
    FilePath,
    Flag,
    Glob,
    Items,
    ItemsOrNone,
    Listen,
    Section,
    StateUrl,
    Text,
    UrlPath,
    WebhookUrl,
    Whole,
)
from exporter.model import NotifyEvent


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
        "showing them by itself after 60 % of this time without an answer of the database. Where "
        "replicas differ in it, the longer time counts.",
    )
