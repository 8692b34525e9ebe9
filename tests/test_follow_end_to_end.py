"""The installed command following the simulated platform: every counter equals the truth."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from exporter_process import ExporterProcess, Samples, simulated
from simulated_traffic import (
    COMPONENTS,
    RULE,
    Traffic,
    all_lines_counted,
    assert_counts_are_true,
    matches,
    simulator,
)

from exporter.model import Endpoint
from exporter.simulator.faults import BadFrame, Channel, error
from exporter.simulator.platform import Platform
from exporter.simulator.server import SimulatorServer
from exporter.simulator.state import ComponentSpec

CONNECTED = "digitalocean_app_stream_connected"
RECONNECTS = "digitalocean_app_stream_reconnects_total"
REQUESTS = "digitalocean_app_api_requests_total"
LINES = "digitalocean_app_log_lines_total"
RESTARTS = "digitalocean_app_restarts_total"
GAPS = "digitalocean_app_log_gaps_total"


def following(server: SimulatorServer, **sections: Any) -> dict[str, Any]:
    """A configuration that follows; nothing in it is read on a timer while a test goes on."""
    quiet = {
        "discovery": {"interval": "1h"},
        "logs": {"mode": "follow", "interval": "1h"},
        "collectors": {"health": False, "restart_count": False, "deployments": False},
        "patterns": {"rules": [RULE]},
    }
    for name, section in sections.items():
        quiet[name] = {**quiet[name], **section} if name in quiet else section
    return simulated(server.api_url, **quiet)


def settled(exporter: ExporterProcess, platform: Platform) -> Samples:
    """A scrape from after everything written was counted, with every stream connected."""
    return exporter.wait_until(
        lambda samples: (
            all_lines_counted(platform, samples)
            and all(value == 1 for _, value in samples.series(CONNECTED))
        )
    )


@contextmanager
def streams_cut_at_random(server: SimulatorServer) -> Iterator[None]:
    """Every stream ends now and then, also while others are being opened."""
    over, rng = threading.Event(), random.Random(3)

    def cut() -> None:
        while not over.wait(rng.uniform(0.3, 1.5)):
            server.end_streams()

    thread = threading.Thread(target=cut)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("frame_chars", [7, 4096])
def test_every_counter_equals_what_was_written_over_streams_that_are_cut(
    tmp_path: Path, frame_chars: int
):
    """Lines, crashes and a deployment while all streams are cut again and again: all counts."""
    with simulator(run_archives=True) as (platform, server):
        server.delivery.frame_chars = frame_chars
        platform.create_app("shop", COMPONENTS)
        config = following(server)
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until_ready()
            traffic = Traffic(platform, ("shop",), 100)
            with streams_cut_at_random(server):
                traffic.write_for(2.5)
                platform.deploy("shop")
                traffic.write_for(1.5)
            samples = settled(exporter, platform)
            assert exporter.terminate() == 0
    assert traffic.crashes >= 2
    assert_counts_are_true(samples, platform)
    assert matches(samples, "payment_declined") == dict(traffic.declined)
    assert samples.total(RECONNECTS) >= 3
    assert samples.total("digitalocean_app_api_errors") == 0


def test_a_line_is_counted_at_once_and_a_quiet_hour_costs_nothing(tmp_path: Path):
    """A line counts without a request that was sent for it, and long before the next poll."""
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web")])
        with ExporterProcess(tmp_path, following(server), token=server.token) as exporter:
            exporter.wait_until_ready()
            before = exporter.wait_until(lambda s: s.total(CONNECTED, component="web") == 1)
            assert before.value(RECONNECTS, app="shop", component="web") == 0
            before = exporter.wait_until(lambda s: s.value(REQUESTS, endpoint="logs") == 2)
            up = {"app": "shop", "component": "web", "log_type": "RUN"}
            for number in range(1, 4):  # a poll would come after an hour
                platform.write("shop", "web", 0, "payment declined")
                samples = exporter.wait_until(
                    lambda s, n=number: (
                        s.total(LINES) == n and s.value("digitalocean_app_source_up", **up) == 1
                    )
                )
            assert samples.total(REQUESTS) == before.total(REQUESTS)
            seen = samples.value("digitalocean_app_source_last_success_timestamp_seconds", **up)
            exporter.wait_until(
                lambda s: (
                    s.value("digitalocean_app_source_last_success_timestamp_seconds", **up) > seen
                    and s.value("digitalocean_app_source_interval_seconds", **up) == 10
                )
            )


@pytest.mark.parametrize("instances", [1, 2])
def test_a_crash_counts_soon_whatever_the_interval(tmp_path: Path, instances: int):
    """The end of a stream has RUN_RESTARTED read: its reason is there with an interval of 1 h."""
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web", instances=instances)])
        with ExporterProcess(tmp_path, following(server), token=server.token) as exporter:
            exporter.wait_until_ready()
            platform.write("shop", "web", 0, "serving")
            exporter.wait_until(lambda s: s.total(LINES) == 1)
            platform.crash("shop", "web", 0, ["panic: no memory", "goroutine 1"])
            platform.write("shop", "web", 0, "listening again")
            # A poll would come after an hour.
            samples = exporter.wait_until(
                lambda s: s.total(RESTARTS, reason="panic") == 1 and s.total(LINES) == 4
            )
            assert samples.total(GAPS) == 0


@pytest.mark.long(30)
def test_a_new_deployment_is_followed_and_the_old_one_read_to_its_end(tmp_path: Path):
    """Three deployments in a row, each noticed by the end of a stream; every line counts."""
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web")])
        with ExporterProcess(tmp_path, following(server), token=server.token) as exporter:
            exporter.wait_until_ready()
            exporter.wait_until(lambda s: s.total(CONNECTED) == 1)
            for number in range(3):
                platform.write("shop", "web", 0, f"before {number}")
                platform.deploy("shop", last_words={"web": ["SIGTERM received"]})
                platform.write("shop", "web", 0, f"after {number}")
                samples = settled(exporter, platform)
            assert_counts_are_true(samples, platform)
            platform.write("shop", "web", 0, "still followed")
            exporter.wait_until(lambda s: s.total(LINES) == 10)


def test_deployments_between_two_looks_are_one_gap_each(tmp_path: Path):
    """Three hand-overs at once: the first log is read to its end, the next two had no reader.

    Those two are refused, so their lines are missing: two gaps, and all that is left counts.
    """
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web")])
        with ExporterProcess(tmp_path, following(server), token=server.token) as exporter:
            exporter.wait_until_ready()
            exporter.wait_until(lambda s: s.total(CONNECTED) == 1)
            platform.write("shop", "web", 0, "before")
            for number in range(3):
                platform.deploy("shop")
                platform.write("shop", "web", 0, f"after {number}")
            exporter.wait_until(lambda s: s.total(GAPS, reason="deployment") >= 2)
            samples = exporter.wait_until(lambda s: s.total(LINES) == 2 and s.total(CONNECTED) == 1)
            exporter.terminate()
    truth = platform.truth().of("shop", "web")
    assert (truth.lines, truth.lost_lines) == (4, 2)
    assert samples.total(GAPS) == samples.total(GAPS, reason="deployment") == 2


def test_a_component_that_is_gone_is_followed_no_more(tmp_path: Path):
    """Its stream is closed and its series leave; one that is new gets a stream."""
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web")])
        config = following(server, discovery={"interval": "1s"})
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until_ready()
            platform.create_app("blog", [ComponentSpec("web")])
            exporter.wait_until(lambda s: s.total(CONNECTED, app="blog") == 1)
            platform.remove_app("shop")
            samples = exporter.wait_until(lambda s: not s.series(CONNECTED, app="shop"))
            assert samples.series(RECONNECTS, app="shop") == []
            platform.write("blog", "web", 0, "hello")
            exporter.wait_until(lambda s: s.total(LINES) == 1)
            assert "internal error" not in exporter.output


def test_a_log_whose_stream_is_refused_is_polled(tmp_path: Path):
    """Without WebSockets lines count by polls at the interval; the page says why."""
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web")])
        server.faults.inject(
            Endpoint.LOG_CONTENT, error(403), channels=frozenset({Channel.WEBSOCKET})
        )
        config = following(server, logs={"mode": "follow", "interval": "1s"})
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until_ready()
            platform.write("shop", "web", 0, "hello")
            up = {"app": "shop", "component": "web", "log_type": "RUN"}
            samples = exporter.wait_until(
                lambda s: (
                    s.total(LINES) == 1
                    and s.value("digitalocean_app_source_up", **up) == 1
                    and s.value("digitalocean_app_source_interval_seconds", **up) == 1
                )
            )
            assert samples.value(CONNECTED, app="shop", component="web") == 0
            page = exporter.get("/components/shop/web").text
            assert "stream unavailable, polled: log_content: status 403" in page
            assert exporter.terminate() == 0
        assert exporter.output.count("log cannot be followed, polling it until it can") == 1


def test_streams_are_counted_on_after_kill(tmp_path: Path):
    """kill -9 while streams bring lines, with state on disk: every line counts once.

    Each time something was written while nobody looked, and an instance ended meanwhile.
    """
    with simulator() as (platform, server):
        platform.create_app("shop", COMPONENTS)
        config = following(server, state={"url": f"sqlite://{tmp_path / 'state.db'}"})
        traffic = Traffic(platform, ("shop",), 100)
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until_ready()
        for lines in (100, 30, 200):
            traffic.write_lines(50)
            traffic.crash()
            with ExporterProcess(tmp_path, config, token=server.token) as exporter:
                begun = exporter.wait_until_ready().total(LINES)
                traffic.write_lines(lines)
                exporter.wait_until(lambda s, begun=begun: s.total(LINES) > begun)
                exporter.stop(9)
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            samples = settled(exporter, platform)
            assert exporter.terminate() == 0
    assert traffic.crashes >= 2
    assert_counts_are_true(samples, platform)
    assert matches(samples, "payment_declined") == dict(traffic.declined)


def test_a_flood_of_one_component_holds_up_no_other(tmp_path: Path):
    """While one writes as fast as it can, a line of another counts soon, and none is lost."""
    with simulator(retention_lines=1_000_000) as (platform, server):
        platform.create_app("shop", [ComponentSpec("web"), ComponentSpec("quiet")])
        with ExporterProcess(tmp_path, following(server), token=server.token) as exporter:
            exporter.wait_until_ready()
            exporter.wait_until(lambda s: s.total(CONNECTED) == 2)
            # A stream that begins with as many new lines as were asked for may have missed some
            # before, as far as clocks can tell; one that begins with a known line has not.
            platform.write("shop", "web", 0, "started")
            exporter.wait_until(lambda s: s.value(LINES, app="shop", component="web") == 1)
            server.end_streams()
            exporter.wait_until(lambda s: s.total(RECONNECTS) == s.total(CONNECTED) == 2)
            burst = "\n".join(f"GET /health 200 in {n} ms" for n in range(1000))
            for _ in range(50):
                platform.write("shop", "web", 0, burst)
            platform.write("shop", "quiet", 0, "hello")
            exporter.wait_until(lambda s: s.value(LINES, app="shop", component="quiet") == 1)
            samples = settled(exporter, platform)
    assert samples.value(LINES, app="shop", component="web") == 50_001
    assert samples.total(GAPS) == 0


def test_no_credential_of_a_stream_shows_anywhere(tmp_path: Path):
    """Streams opened, cut, refused and broken, at log level debug: no token, no live URL."""
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web")])
        arguments = ("--log.level=debug",)
        config = following(server)
        with ExporterProcess(tmp_path, config, token=server.token, arguments=arguments) as exporter:
            exporter.wait_until_ready()
            exporter.wait_until(lambda s: s.total(CONNECTED) == 1)
            server.end_streams()
            exporter.wait_until(lambda s: s.total(RECONNECTS) == 1)
            server.faults.inject(Endpoint.LOGS, error(401), times=1)
            server.end_streams()
            exporter.wait_until(lambda s: s.total(RECONNECTS) == 2)
            server.faults.inject(Endpoint.LOG_CONTENT, BadFrame(), times=1)
            server.end_streams()
            exporter.wait_until(lambda _: "log cannot be followed" in exporter.output)
            pages = [exporter.get(path).text for path in ("/", "/components/shop/web", "/metrics")]
            assert exporter.terminate() == 0
        text = "\n".join([exporter.output, *pages])
        tokens = {request.query["token"] for request in server.log_host_requests.requests}
    assert len(tokens) >= 4
    assert [secret for secret in (server.token, *tokens) if secret in text] == []
    assert "token=" not in text
    assert "authorization" not in server.log_host_requests.header_names
