"""A fleet under a virtual clock: everything real from configuration to requests, no sockets.

What the API answers is passed by the simulator's own rate limiter, which counts a request when it
gets there; an answer takes its time, and so does a wait for the budget.
"""

import io
import json
import random
import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import requests
from apscheduler.triggers.interval import IntervalTrigger
from collect_fixtures import SteppedScheduler
from prometheus_client import CollectorRegistry
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from exporter.config.schema import Config
from exporter.digitalocean.apps import AppPlatform
from exporter.digitalocean.budget import Budget
from exporter.digitalocean.client import ApiAccess, Client, Timing
from exporter.digitalocean.platform_clock import PlatformClock
from exporter.digitalocean.token import EnvToken
from exporter.digitalocean.transport import RequestSettings
from exporter.model import LIVE_PART, LogChunk, LogLocations, LogType, Source
from exporter.service.assembly import build_account
from exporter.service.environment import Environment, Records
from exporter.simulator.rate_limit import RateLimit
from exporter.state.memory import MemoryState

START = 1_800_000_000.0
INTERVAL = "digitalocean_app_source_interval_seconds"
LATENCY = 0.02
"""Seconds from a request to its answer."""


class VirtualClock(threading.Event):
    """The time; whoever waits steps it."""

    now = START

    def __call__(self) -> float:
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        """Let so many seconds pass."""
        assert timeout is not None
        self.now += timeout
        return False


@dataclass
class VirtualHour:
    """The exporter and what it asks.

    Args:
        others: requests an hour that another user of the token sends, from ``others_from`` on.
    """

    config: dict[str, Any]
    apps: int
    components_per_app: int
    others: float = 0.0
    others_from: float = 0.0
    refused: Counter[str] = field(default_factory=Counter)
    sent: list[float] = field(default_factory=list)
    reads: Counter[Source] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.clock = VirtualClock()
        self.limit = RateLimit(self.clock)
        self.registry = CollectorRegistry()
        records = Records.open(self.registry, MemoryState(self.clock), self.clock)
        config = Config.model_validate(self.config | {"patterns": {"packs": []}})
        limits = config.api_budget
        self.budget = Budget(
            limits.per_hour,
            limits.per_minute,
            limits.share,
            clock=self.clock,
            stop=self.clock,
        )
        session = requests.Session()
        session.trust_env = False
        client = Client(
            ApiAccess("https://api.test", EnvToken("token")),
            session,
            self.budget,
            records.api_metrics,
            RequestSettings(30.0, "test"),
            Timing(
                self.clock,
                PlatformClock(self.clock, self.clock),
                self.clock,
                random.Random(1),
            ),
        )
        session.mount("https://", _Api(self))
        self.scheduler: Any = SteppedScheduler()
        content: Any = self
        environment = Environment(
            self.clock,
            random.Random(1),
            self.scheduler,
            AppPlatform(client),
            content,
            None,
            self.budget,
            records,
        )
        self.parts = build_account(config, (), environment)
        self.parts.supervisor.start()
        self._other = START + self.others_from

    def run(self, seconds: float) -> None:
        """Let the schedule run, one job at a time, until so many seconds are over."""
        with patch("exporter.digitalocean.transport._watchdog", _unwatched):
            self._run_until(self.clock.now + seconds)

    def _run_until(self, end: float) -> None:
        store = self.scheduler._jobstores["default"]
        while (due := store.get_next_run_time().timestamp()) < end:
            [job, *_] = store.get_due_jobs(store.get_next_run_time())
            self.clock.now = max(self.clock.now, due)
            self.others_send()
            if isinstance(job.trigger, IntervalTrigger):
                job.modify(next_run_time=datetime.fromtimestamp(self.clock.now + 10, UTC))
                job.func(*job.args)
            else:
                self.scheduler.step(job.id)
        self.clock.now = max(self.clock.now, end)

    def others_send(self) -> None:
        """The other user's requests up to now."""
        while self.others and self._other <= self.clock.now:
            if not self.limit.check("token").allowed:
                self.refused["other"] += 1
            self._other += 3600 / self.others

    def read(
        self, locations: LogLocations, *, target: Source, past_failures: bool = False
    ) -> Iterator[LogChunk]:
        """The text of a log: nothing new."""
        self.reads[target] += 1
        yield LogChunk(b"", LIVE_PART, last=True)

    def answer(self, url: str) -> dict[str, Any]:
        """What the API says."""
        path = urlsplit(url).path
        if path == "/v2/apps":
            return {"apps": [_app(number, self.components_per_app) for number in range(self.apps)]}
        if path.endswith("/logs"):
            return {"live_url": "https://logs.test/?token=x"}
        return {}

    def intervals(self, log_type: LogType) -> set[float]:
        """The intervals in force of all logs of a type, as the metric tells them."""
        [family] = self.registry.restricted_registry([INTERVAL]).collect()
        watched = sum(source.log_type is log_type for source in self.parts.reading.poller.sources())
        found = [s.value for s in family.samples if s.labels["log_type"] == log_type]
        assert len(found) == watched
        return {round(value, 3) for value in found}

    def busiest(self, span: float) -> int:
        """The most requests in any window of so many seconds."""
        window: deque[float] = deque()
        most = 0
        for moment in self.sent:
            window.append(moment)
            while window[0] <= moment - span:
                window.popleft()
            most = max(most, len(window))
        return most


@contextmanager
def _unwatched(*of: object) -> Iterator[threading.Event]:
    """No read waits for anything here, so none needs a thread that would end it."""
    yield threading.Event()


class _Api(HTTPAdapter):
    def __init__(self, hour: VirtualHour) -> None:
        super().__init__()
        self._hour = hour

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> Any:
        hour = self._hour
        hour.clock.now += LATENCY / 2
        hour.others_send()
        verdict = hour.limit.check("token")
        hour.clock.now += LATENCY / 2
        hour.sent.append(hour.clock.now)
        if not verdict.allowed:
            hour.refused["exporter"] += 1
        body = json.dumps(hour.answer(str(request.url)) if verdict.allowed else {}).encode()
        return self.build_response(
            request,
            HTTPResponse(
                io.BytesIO(body),
                status=200 if verdict.allowed else 429,
                headers=verdict.headers,
                preload_content=False,
            ),
        )


def _app(number: int, components: int) -> dict[str, Any]:
    services = [{"name": f"web-{each}", "instance_count": 1} for each in range(components)]
    return {
        "id": f"app-{number}",
        "spec": {"name": f"app-{number}", "services": services},
        "active_deployment": {"id": f"d-{number}", "phase": "ACTIVE"},
    }
