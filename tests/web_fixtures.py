"""The pages on a free port of loopback, with a status that a test changes as it goes."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests
from waiting import LIMIT_SECONDS

from exporter.model import ApiFailure, BudgetStatus, ComponentStatus, ReplicaStatus
from exporter.telemetry.table import MetricTable
from exporter.web.app import WebOptions, create_app
from exporter.web.exposition import Exposition
from exporter.web.http.connections import Limits
from exporter.web.http.security import SecurityFile
from exporter.web.http.server import WebServer
from exporter.web.pages.alerts import Alerts
from exporter.web.pages.page import About

NOW = 1_800_000_000.0
TIMEOUT = LIMIT_SECONDS
LOOPBACK = ("127.0.0.1", 0)


IDLE = BudgetStatus(4000, 0, 200, 0, None, None, 1.0, None)


@dataclass
class Status:
    """What the pages are told; a test changes it as it goes."""

    health: tuple[bool, str] = (True, "")
    readiness: tuple[bool, str] = (True, "")
    rows: list[ComponentStatus] = field(default_factory=list)
    failures: list[ApiFailure] = field(default_factory=list)
    patterns_without_match: Mapping[str, str] = field(default_factory=dict)
    requests: BudgetStatus = IDLE
    unsaved: str = ""
    group: ReplicaStatus | None = None

    def healthy(self) -> tuple[bool, str]:
        return self.health

    def ready(self) -> tuple[bool, str]:
        return self.readiness

    def components(self) -> Sequence[ComponentStatus]:
        return self.rows

    def unmatched(self) -> Mapping[str, str]:
        return self.patterns_without_match

    def state_problem(self) -> str:
        return self.unsaved

    def api_failures(self) -> Sequence[ApiFailure]:
        return self.failures

    def budgets(self) -> Mapping[str, BudgetStatus]:
        return {"": self.requests}

    def replicas(self) -> ReplicaStatus | None:
        return self.group


@dataclass
class SteppedClock:
    """Seconds that pass when a test says so."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def make_server(
    registry: MetricTable | None = None,
    status: Status | None = None,
    telemetry_path: str = "/metrics",
    addresses: Sequence[tuple[str, int]] = (LOOPBACK,),
    config_file: Path | None = None,
    limits: Limits | None = None,
    clock: SteppedClock | None = None,
    about: About = About("1.2.3"),  # noqa: B008  # a value
    alerts: Alerts | None = None,
) -> WebServer:
    """A server of the application that is not started yet."""
    monotonic, shown = clock or time.monotonic, registry or MetricTable()
    security = SecurityFile(None if config_file is None else str(config_file), monotonic)
    app = create_app(
        Exposition(lambda: [shown]),
        status or Status(),
        lambda: about,
        security,
        clock=lambda: NOW,
        monotonic=monotonic,
        options=WebOptions(telemetry_path, alerts=alerts),
    )
    return WebServer(app, addresses, security, limits or Limits())


@contextmanager
def serving(*arguments: object, scheme: str = "http", **options: object) -> Iterator[str]:
    """A server as ``make_server`` makes it, started; yields its base URL."""
    server = make_server(*arguments, **options)
    server.start()
    try:
        host, port = server.addresses[0]
        yield f"{scheme}://{host}:{port}"
    finally:
        assert server.stop(TIMEOUT)


def get(url: str, **headers: str) -> requests.Response:
    return requests.get(url, headers={"Accept-Encoding": "identity"} | headers, timeout=TIMEOUT)
