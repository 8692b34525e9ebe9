"""The running program: the accounts that it watches, the pages, and how both change at a reload."""

import logging
import platform as python_platform
import secrets
import threading
import time
from collections.abc import Callable

import requests
from prometheus_client import (
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from exporter import __version__
from exporter.config.masking import masked
from exporter.config.schema import Config
from exporter.errors import ConfigError, Stopping
from exporter.model import Notification
from exporter.notify.outbox import Outbox
from exporter.notify.payloads import Payloads
from exporter.receiving.intake import Inbox, Intake
from exporter.service.accounts import Accounts, Surroundings
from exporter.service.notification_counts import NotificationCounts
from exporter.service.received_counts import ReceivedCounts
from exporter.service.replication import Replication
from exporter.service.status import AllStatus
from exporter.service.stores import open_store
from exporter.service.wanted import Wanted
from exporter.telemetry.program_metrics import ExporterMetrics
from exporter.telemetry.table import MetricTable
from exporter.web.app import WebOptions, create_app
from exporter.web.exposition import Exposition
from exporter.web.http.security import SecurityFile
from exporter.web.http.server import WebServer
from exporter.web.pages.alerts import Alerts
from exporter.web.pages.page import About

LOG = logging.getLogger(__name__)

NOTIFY_STOP_SECONDS = 2.0
"""How long notifications may still be sent at the end."""

RECEIVING_STOP_SECONDS = 2.0
"""How long requests with pushed logs may still take at the end."""


class Application:
    """All that runs: started together, changed together, stopped within seconds.

    Args:
        wanted: what to run at first.
        load: what to run after a reload; raises ConfigError where it is refused.
        revision: the commit that the program was built from.
        lifecycle: whether `POST /-/reload` is answered.

    Raises:
        ConfigError: the web configuration file cannot be used, or a token file has become
            unusable since it was checked.
        StateError: the state cannot be used.
        ListenError: an address cannot be listened on.
    """

    def __init__(
        self,
        wanted: Wanted,
        load: Callable[[], Wanted],
        *,
        revision: str = "",
        lifecycle: bool = False,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wanted = wanted
        self._load = load
        self._clock = clock
        self._monotonic = monotonic
        self._changing = threading.Lock()
        self._stopped = False
        self.run_id = secrets.token_hex(8)
        """Tells this run of the program from every other; logged at the start."""
        self._store = open_store(wanted.config, clock)
        registry, self._metrics = build_registry(revision, clock)
        self._show_address(wanted.config)
        self._notified = NotificationCounts(self._metrics)
        self._outbox = self._new_outbox(wanted.config)
        self._intake = Intake(self._inboxes, ReceivedCounts(self._metrics), self.run_id, clock)
        self._own = registry
        config = wanted.config
        self._accounts = Accounts(
            wanted,
            Surroundings(
                self._store, registry, self._send, self._intake.retry_unknown, clock, monotonic
            ),
        )
        security = SecurityFile(config.web.config_file, monotonic, wanted.web_text)
        app = create_app(
            Exposition(self._tables),
            AllStatus(self._accounts.watched, self._group),
            self._about,
            security,
            clock=clock,
            monotonic=monotonic,
            options=self._web_options(config, lifecycle),
        )
        addresses = [(address.host, address.port) for address in config.web.listen_addresses]
        self.server = WebServer(app, addresses, security)
        self.receiving = self._receiving_server(config)

    def start(self) -> None:
        """Serve, then read; raises ListenError where it cannot listen."""
        self.server.start()
        if self.receiving is not None:
            self.receiving.start()
        self._outbox.start()
        self._accounts.start()

    def stop(self, timeout: float) -> None:
        """Begin nothing new, give up what waits, and serve no more after ``timeout`` seconds."""
        with self._changing:
            self._stopped = True
            if self.receiving is not None:
                self.receiving.stop(RECEIVING_STOP_SECONDS)
            self._accounts.stop()
            self._outbox.stop(NOTIFY_STOP_SECONDS)
            self._store.close()
        self.server.stop(timeout)

    def reload(self) -> None:
        """Reload the configuration and apply it; counters and positions in logs are kept.

        Raises:
            ConfigError: it is refused; the old one stays in force.
            Stopping: the program is shutting down; nothing has changed.
        """
        with self._changing:
            if self._stopped:
                raise Stopping("the program is shutting down")
            try:
                wanted = self._load()
                self._change(wanted)
            except ConfigError as error:
                self._metrics.config_last_reload_successful.set(0)
                LOG.error(
                    "configuration refused: the one before stays in force",
                    extra={"fields": {"problem": error}},
                )
                raise
            self._metrics.config_last_reload_successful.set(1)
            self._metrics.config_last_reload_success_timestamp.set(self._clock())
            LOG.info("configuration loaded", extra={"fields": {"accounts": len(self._accounts)}})

    def _change(self, wanted: Wanted) -> None:
        self._warn_of_what_needs_a_start(wanted.config)
        outbox = None
        if _receivers(wanted.config) != _receivers(self._wanted.config):
            outbox = self._new_outbox(wanted.config)
        self._accounts.change(wanted)
        self._wanted = wanted
        if outbox is not None:
            former, self._outbox = self._outbox, outbox
            outbox.start()
            former.stop(NOTIFY_STOP_SECONDS)
        self._show_address(wanted.config)

    def _warn_of_what_needs_a_start(self, config: Config) -> None:
        before = self._wanted.config
        for key, was, now in (
            ("state", before.state, config.state),
            ("web", before.web, config.web),
            ("receive", before.receive, config.receive),
            ("replicas.enabled", before.replicas.enabled, config.replicas.enabled),
        ):
            if was != now:
                LOG.warning(
                    "a change takes effect at the next start only", extra={"fields": {"key": key}}
                )

    def _receiving_server(self, config: Config) -> WebServer | None:
        """The server that takes pushed logs; None where none are."""
        receive = config.receive
        if not receive.listen_addresses:
            return None
        # Loaded where it is used: the classes of OTLP's messages take a while to make.
        from exporter.receiving.otlp import AttributeNames
        from exporter.web.receiving.server import build_server

        return build_server(
            self._intake,
            [(address.host, address.port) for address in receive.listen_addresses],
            SecurityFile(receive.config_file, self._monotonic),
            attributes=AttributeNames(
                receive.otlp_app_attributes, receive.otlp_component_attributes
            ),
            max_body_bytes=receive.max_body_bytes,
            monotonic=self._monotonic,
        )

    def _new_outbox(self, config: Config) -> Outbox:
        notify = config.notify
        return Outbox(
            notify.alertmanager_urls,
            notify.webhook_urls,
            Payloads(config.web.external_url or ""),
            self._notified,
            self._clock,
        )

    def _inboxes(self) -> dict[str, Inbox]:
        return self._accounts.inboxes()

    def _send(self, event: Notification) -> None:
        self._outbox.put(event)

    def _web_options(self, config: Config, lifecycle: bool) -> WebOptions:
        url = config.web.prometheus_url
        return WebOptions(
            config.web.telemetry_path,
            reload=self.reload if lifecycle else None,
            alerts=Alerts(url, requests.Session()) if url else None,
        )

    def _group(self) -> Replication | None:
        """The group of replicas that this process is one of; None without replicas."""
        return self._accounts.group

    def _tables(self) -> list[MetricTable]:
        """What a scrape shows now."""
        return [self._own, *self._accounts.tables()]

    def _show_address(self, config: Config) -> None:
        """Let alerts know where the pages are."""
        self._metrics.web_info.clear()
        if config.web.external_url:
            self._metrics.web_info.labels(config.web.external_url).set(1)

    def _about(self) -> About:
        config = self._wanted.config
        return About(__version__, configuration=masked(config), excerpts=config.web.excerpts)


def _receivers(config: Config) -> tuple[object, ...]:
    """What an outbox is made from."""
    notify = config.notify
    return notify.alertmanager_urls, notify.webhook_urls, config.web.external_url


def build_registry(
    revision: str, clock: Callable[[], float]
) -> tuple[MetricTable, ExporterMetrics]:
    """A registry with the metrics of the program itself, of its process and of Python."""
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the library's has no types
    registry = MetricTable()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    metrics = ExporterMetrics(registry)
    version = python_platform.python_version()
    metrics.build_info.labels(__version__, version, revision or "unknown").set(1)
    metrics.config_last_reload_successful.set(1)
    metrics.config_last_reload_success_timestamp.set(clock())
    return registry, metrics
