"""What the tests of ``exporter.digitalocean`` share: a stepped clock and a recording observer."""

import random
import threading
from collections.abc import Hashable
from dataclasses import dataclass, field

import requests

from exporter.digitalocean.budget import Budget
from exporter.digitalocean.client import ApiAccess, Client, Timing
from exporter.digitalocean.platform_clock import PlatformClock
from exporter.digitalocean.token import EnvToken, Token
from exporter.digitalocean.transport import RequestSettings
from exporter.errors import ApiError
from exporter.model import Endpoint

SECRET = "dop_v1_0123456789abcdef"
API = "https://api.example.test"
WALL = 1_800_000_000.0


class SteppedTime(threading.Event):
    """A clock, and a stop event whose waits step it instead of sleeping; ``waits`` keeps them."""

    def __init__(self, now: float = 1000.0) -> None:
        super().__init__()
        self.now = now
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        if not self.is_set():
            self.waits.append(timeout)
            self.now += timeout
        return self.is_set()


@dataclass
class RecordingObserver:
    """Keeps what it is told, in order; ``kinds`` says how each request ended."""

    events: list[tuple[object, ...]] = field(default_factory=list)

    def sent(self, endpoint: Endpoint) -> None:
        self.events.append(("sent", endpoint))

    def succeeded(self, endpoint: Endpoint, target: Hashable, seconds: float) -> None:
        assert seconds >= 0
        self.events.append(("ok", endpoint, target))

    def failed(self, endpoint: Endpoint, target: Hashable, error: ApiError, seconds: float) -> None:
        assert seconds >= 0
        self.events.append((error.kind, endpoint, target))

    def rate_limited(
        self, limit: float | None, remaining: float | None, reset: float | None
    ) -> None:
        self.events.append(("rate", limit, remaining, reset))

    def throttled(self, seconds: float) -> None:
        self.events.append(("throttled", seconds))

    def fell_back(self) -> None:
        self.events.append(("fell back",))

    @property
    def kinds(self) -> list[object]:
        return [
            event[0] for event in self.events if event[0] not in ("rate", "throttled", "fell back")
        ]

    def only(self, name: str) -> list[tuple[object, ...]]:
        return [event[1:] for event in self.events if event[0] == name]


@dataclass
class Rig:
    """A client on stepped time, with everything around it in reach."""

    time: SteppedTime = field(default_factory=SteppedTime)
    observer: RecordingObserver = field(default_factory=RecordingObserver)
    token: Token = field(default_factory=lambda: EnvToken(SECRET))
    session: requests.Session = field(default_factory=requests.Session)
    api_url: str = API
    timeout: float = 30.0
    ca_file: str | None = None

    def __post_init__(self) -> None:
        self.budget = Budget(5000, 250, 1.0, clock=self.time, stop=self.time)
        self.client = Client(
            ApiAccess(self.api_url, self.token),
            self.session,
            self.budget,
            self.observer,
            RequestSettings(self.timeout, "do-app-exporter/9.9", self.ca_file),
            Timing(
                self.time,
                PlatformClock(lambda: WALL + self.time.now - 1000.0, self.time),
                self.time,
                random.Random(7),
            ),
        )
