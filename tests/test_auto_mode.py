"""``logs.mode: auto``: logs are followed where streams are served and last, else polled."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
import requests
from exporter_process import Samples, simulated
from hypothesis import given
from hypothesis import strategies as st
from simulated_traffic import simulator
from waiting import LIMIT_SECONDS, wait_for

from exporter.config.credentials import TokenSource
from exporter.config.reading import LogMode
from exporter.config.schema import Config
from exporter.errors import Stopping
from exporter.model import Endpoint
from exporter.reading.source_state import FOLLOWED_INTERVAL
from exporter.service import account as account_module
from exporter.service import mode_choice
from exporter.service.application import Application
from exporter.service.mode_choice import (
    FIRST_WAIT,
    LONGEST_WAIT,
    REFUSED_SECONDS,
    ModeChoice,
    Observation,
)
from exporter.service.wanted import Wanted
from exporter.simulator.faults import Channel, error
from exporter.simulator.platform import Platform
from exporter.simulator.server import SimulatorServer
from exporter.simulator.state import ComponentSpec

PROVEN = Observation(accepting=1)
CONNECTED = "digitalocean_app_stream_connected"
LINES = "digitalocean_app_log_lines_total"
GAPS = "digitalocean_app_log_gaps_total"
ERRORS = "digitalocean_app_api_request_errors_total"
INTERVAL = "digitalocean_app_source_interval_seconds"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.mark.parametrize(
    "seen",
    [
        Observation(),
        Observation(refusing=1),
        Observation(accepting=5, refusing=1),
        Observation(accepting=1, waiting=1),
    ],
)
def test_logs_are_polled_until_every_host_takes_websockets(clock: Clock, seen: Observation):
    """Nothing proven, a host that refuses, or first reads under way: it stays as it is."""
    choice = ModeChoice(clock)
    for _ in range(100):
        clock.now += 10
        assert not choice.review(seen)
    assert choice.mode is LogMode.POLL
    assert choice.review(PROVEN)
    assert choice.mode is LogMode.FOLLOW


FAILING = [
    Observation(followed=10, refused=1),
    Observation(followed=10, short=6),
]


@pytest.mark.parametrize("seen", FAILING)
def test_following_that_fails_is_given_up_for_a_while_that_doubles(clock: Clock, seen: Observation):
    """Not at the first sign; then for ten minutes, twenty, and at last six hours."""
    choice = ModeChoice(clock)
    waits = []
    for _ in range(8):
        choice.review(PROVEN)
        assert choice.mode is LogMode.FOLLOW
        clock.now += REFUSED_SECONDS / 2
        assert not choice.review(seen)
        clock.now += REFUSED_SECONDS
        assert choice.review(seen)
        ended = clock.now
        while not choice.review(PROVEN):
            clock.now += 10
        waits.append(clock.now - ended)
    assert waits[:3] == pytest.approx([FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT], abs=10)
    assert waits[-1] == pytest.approx(LONGEST_WAIT, abs=10)


@given(st.lists(st.integers(0, 5), max_size=50))
def test_following_goes_on_while_most_streams_last(short: list[int]):
    """Some end early, as those of containers that crash do; none is refused for long."""
    clock = Clock()
    choice = ModeChoice(clock)
    choice.review(PROVEN)
    for number, count in enumerate(short):
        clock.now += REFUSED_SECONDS / 3
        choice.review(Observation(followed=10, short=count, refused=int(number % 3 == 0)))
        assert choice.mode is LogMode.FOLLOW


class Running:
    """The exporter in this process."""

    def __init__(self, application: Application) -> None:
        host, port = application.server.addresses[0]
        self._url = f"http://{host}:{port}"

    def samples(self) -> Samples:
        return Samples(requests.get(f"{self._url}/metrics", timeout=LIMIT_SECONDS).text)

    def wait_until(self, predicate: Callable[[Samples], bool]) -> Samples:
        """Scrape until it holds; return that scrape."""

        def look() -> Samples | None:
            samples = self.samples()
            return samples if predicate(samples) else None

        samples = wait_for(look)
        assert samples is not None
        return samples


@contextmanager
def running(server: SimulatorServer, **more: dict[str, Any]) -> Iterator[Running]:
    """The exporter in mode `auto`, which reviews that several times a second."""
    sections = {"logs": {"mode": "auto"}, "web": {"listen_addresses": ["127.0.0.1:0"]}, **more}
    config = Config.model_validate(simulated(server.api_url, **sections))
    wanted = Wanted(config, {"": TokenSource("the simulator", server.token)})
    with (
        patch.object(account_module, "REVIEW_SECONDS", 0.2),
        patch.object(mode_choice, "REFUSED_SECONDS", 2.0),
    ):
        application = Application(wanted, lambda: wanted)
        application.start()
        try:
            yield Running(application)
        finally:
            application.stop(5.0)


REFUSED = {"action": error(403), "channels": frozenset({Channel.WEBSOCKET})}


def follows(samples: Samples) -> bool:
    """Whether the logs of both components have their stream."""
    return [value for _, value in samples.series(CONNECTED)] == [1, 1]


def write(platform: Platform, count: int) -> None:
    """Write lines of both components."""
    for number in range(count):
        for component in ("web", "emails"):
            platform.write("shop", component, 0, f"line {number}")


def all_is_well(samples: Samples) -> bool:
    """Whether no request failed and each log can be read."""
    up = [value for _, value in samples.series("digitalocean_app_source_up")]
    return set(up) == {1} and samples.total(ERRORS) == 0 and samples.total(GAPS) == 0


def test_logs_are_followed_and_polled_again_without_a_line_lost_or_an_error():
    """Polls show that streams can be had; when the host refuses them, polling begins again."""
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web"), ComponentSpec("emails")])
        with running(server) as exporter:
            write(platform, 5)
            exporter.wait_until(follows)
            write(platform, 5)
            exporter.wait_until(lambda samples: samples.total(LINES) == 20 and all_is_well(samples))
            server.faults.inject(Endpoint.LOG_CONTENT, **REFUSED)
            server.end_streams()
            write(platform, 5)
            samples = exporter.wait_until(
                lambda samples: (
                    not samples.series(CONNECTED)
                    and samples.total(LINES) == 30
                    and [value for _, value in samples.series(INTERVAL, log_type="RUN")] == [1, 1]
                )
            )
            assert samples.total(GAPS) == 0


@pytest.mark.parametrize("component", [None, "web"])
def test_where_a_host_refuses_streams_nothing_else_happens_than_with_polls(component: str | None):
    """Those of all components or of one: no stream is asked for, and no series is about streams."""
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web"), ComponentSpec("emails")])
        server.faults.inject(Endpoint.LOG_CONTENT, component=component, **REFUSED)
        with running(server) as exporter:
            write(platform, 5)
            exporter.wait_until(lambda samples: samples.total(LINES) == 10)
            for number in range(1, 5):  # as many polls, and many more reviews
                write(platform, 5)
                wanted = 10 * (number + 1)
                samples = exporter.wait_until(lambda s, wanted=wanted: s.total(LINES) == wanted)
            assert samples.series(CONNECTED) == []
            exporter.wait_until(
                lambda samples: (
                    {value for _, value in samples.series("digitalocean_app_source_up")} == {1}
                    and [value for _, value in samples.series(INTERVAL)] == [1] * 4
                )
            )
        queries = [r.query for r in server.api_requests.requests if r.endpoint is Endpoint.LOGS]
        assert queries
        assert not any(query.get("follow") == "true" for query in queries)


def test_many_components_on_a_small_budget_are_followed():
    """Polls would want six times what the budget grants; streams fit, and no interval is longer."""
    names = [f"worker-{number}" for number in range(12)]
    budget = {"per_hour": 100_000, "per_minute": 240, "share": 1.0}
    collectors = dict.fromkeys(("health", "restart_count", "deployments", "jobs"), False)
    sections = {"api_budget": budget, "collectors": collectors, "discovery": {"interval": "1h"}}
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec(name) for name in names])
        with running(server, **sections) as exporter:
            exporter.wait_until(lambda samples: samples.total(CONNECTED) == len(names))
            for name in names:
                platform.write("shop", name, 0, "hello")
            exporter.wait_until(
                lambda samples: (
                    samples.total(LINES) == len(names)
                    and all_is_well(samples)
                    and {value for _, value in samples.series(INTERVAL, log_type="RUN")}
                    == {FOLLOWED_INTERVAL}
                )
            )


@pytest.mark.found(
    "A reload that waited while the program shut down started it again.",
    how="Threads in every order, by a seed",
)
def test_a_reload_that_comes_behind_a_stop_starts_nothing():
    """Neither of the program nor of an account: it would read on, and hold up the exit."""
    config = Config.model_validate({"web": {"listen_addresses": ["127.0.0.1:0"]}})
    source = TokenSource("a test", "dop_v1_0")
    application = Application(Wanted(config, {"": source}), lambda: Wanted(config, {"": source}))
    [account] = application._accounts._accounts.values()
    application.stop(5.0)
    with pytest.raises(Stopping):
        application.reload()
    before = account.status
    account.change(config, source)
    assert account.status is before
