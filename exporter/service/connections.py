"""The connections of one account to the platform: the API, log hosts, and live streams."""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass

import requests

from exporter import __version__
from exporter.config.credentials import TokenSource
from exporter.config.reading import LogMode
from exporter.config.schema import Config
from exporter.digitalocean.apps import AppPlatform
from exporter.digitalocean.budget import Budget
from exporter.digitalocean.client import ApiAccess, Client, OnAnswer, Timing
from exporter.digitalocean.log_content import LogContent
from exporter.digitalocean.log_streams import LogStreams
from exporter.digitalocean.observer import RequestObserver
from exporter.digitalocean.platform_clock import PlatformClock
from exporter.digitalocean.token import EnvToken, FileToken, Token
from exporter.digitalocean.transport import RequestSettings

USER_AGENT = f"do-app-exporter/{__version__}"


@dataclass(frozen=True, slots=True)
class Connections:
    """The ways to the platform: the API with the token, and log hosts without it.

    Args:
        stop: set when they are given up; whoever waits or reads gives up then.
        sessions: hold the open connections that no request uses at the moment.
    """

    platform: AppPlatform
    content: LogContent
    streams: LogStreams
    stop: threading.Event
    sessions: tuple[requests.Session, ...]

    def close(self) -> None:
        """Give them up, and close what is open: nothing else does until memory is swept."""
        self.stop.set()
        for session in self.sessions:
            session.close()


def build_budget(
    config: Config, stop: threading.Event, monotonic: Callable[[], float], *, parts: int = 1
) -> Budget:
    """The requests that an account, or one of the equal parts of it, may send."""
    limits = config.api_budget
    return Budget(
        limits.per_hour,
        limits.per_minute,
        limits.share,
        clock=monotonic,
        stop=stop,
        parts=parts,
    )


def connect(
    config: Config,
    token_source: TokenSource,
    budget: Budget,
    api_metrics: RequestObserver,
    clock: PlatformClock,
    monotonic: Callable[[], float],
    on_answer: OnAnswer | None = None,
) -> Connections:
    """Prepare the ways to the platform; nothing is sent.

    With ``logs.mode: auto`` a stream that a host refuses is no error.

    Args:
        api_metrics: counts each request and its outcome.
        clock: learns the time from each answer of the API.
        on_answer: see ``Client``.

    Raises:
        ConfigError: the token file has become unusable since it was checked.
    """
    stop = threading.Event()
    ca_file = config.digitalocean.ca_file
    settings = RequestSettings(config.logs.timeout, USER_AGENT, ca_file)
    of_api, of_logs = requests.Session(), requests.Session()
    client = Client(
        ApiAccess(config.digitalocean.api_url, _token(token_source)),
        of_api,
        budget,
        api_metrics,
        settings,
        Timing(monotonic, clock, stop, random.Random()),
        on_answer,
    )
    content = LogContent(of_logs, api_metrics, settings, clock=monotonic, stop=stop)
    tentative = config.logs.mode is LogMode.AUTO
    streams = LogStreams(api_metrics, settings, clock=monotonic, tentative=tentative)
    return Connections(AppPlatform(client), content, streams, stop, (of_api, of_logs))


def _token(source: TokenSource) -> Token:
    if source.file is not None:
        return FileToken(source.file)
    return EnvToken(source.token or "")
