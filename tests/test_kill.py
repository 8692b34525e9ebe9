"""The installed command killed, locked out and kept from writing: its counts go on."""

import random
import resource
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from exporter_process import ExporterProcess, Program, Samples, run_command, simulated
from simulated_traffic import (
    COMPONENTS,
    DECLINED,
    RULE,
    Traffic,
    all_lines_counted,
    assert_counts_are_true,
    matches,
    settled,
    simulator,
)
from waiting import wait_for

from exporter.simulator.platform import Platform
from exporter.simulator.server import SimulatorServer
from exporter.simulator.state import ComponentSpec, Layout

KILLS = 12
KILLS_AT_START = 3
"""Of them, those that come before the program has begun to serve, or soon after."""

COUNTERS = (
    "digitalocean_app_log_lines_total",
    "digitalocean_app_log_bytes_total",
    "digitalocean_app_log_matches_total",
    "digitalocean_app_log_repeated_lines_total",
    "digitalocean_app_log_gaps_total",
    "digitalocean_app_restarts_total",
    "digitalocean_app_deployments_total",
    "shop_declined_total",
    "shop_took_seconds_bucket",
    "shop_took_seconds_count",
    "shop_took_seconds_sum",
)
"""What no restart may take back; the counters of requests are the process's own."""

METRIC_RULES = (
    {
        "name": "declined_card",
        "regex": r"declined: card ending in (?P<card>\d+)",
        "metric": {
            "name": "shop_declined_total",
            "type": "counter",
            "help": "Payments declined.",
            "labels": {"card": "card"},
        },
    },
    {
        "name": "health",
        "regex": r"^GET /health 200 in (?P<took>\d+ ms)$",
        "level": "info",
        "metric": {
            "name": "shop_took_seconds",
            "type": "histogram",
            "help": "How long requests took.",
            "value": "took",
            "buckets": [0.001, 0.1],
        },
    },
)
"""Rules that feed metrics of their own from the lines of ``Traffic``."""

TOOK_SECONDS = 0.003

STATE_UP = "digitalocean_app_exporter_state_up"
STATE_ERRORS = "digitalocean_app_exporter_state_errors_total"
LINES = "digitalocean_app_log_lines_total"


class Watch:
    """Holds every scrape against those before it, whichever process they are of."""

    def __init__(self) -> None:
        self.scrapes = 0
        self._highest: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}

    def note(self, samples: Samples) -> None:
        """No counter is lower than it was, and every histogram is whole."""
        self.scrapes += 1
        for name in COUNTERS:
            for labels, value in samples.series(name):
                series = (name, frozenset(labels.items()))
                assert value >= self._highest.get(series, 0.0), series
                self._highest[series] = value
        for labels, count in samples.series("shop_took_seconds_count"):
            took = samples.value("shop_took_seconds_sum", **labels)
            assert took == pytest.approx(count * TOOK_SECONDS)
            assert samples.value("shop_took_seconds_bucket", le="0.1", **labels) == count
            assert samples.value("shop_took_seconds_bucket", le="0.001", **labels) == 0


def durable(server: SimulatorServer, folder: Path, **sections: Any) -> dict[str, Any]:
    """A configuration with state in a file of ``folder``."""
    state = {"url": f"sqlite://{folder / 'state.db'}"}
    return simulated(
        server.api_url, state=state, patterns={"rules": [RULE, *METRIC_RULES]}, **sections
    )


def kill_at_start(folder: Path, token: str, lines: int) -> None:
    """Start on the configuration that is there, and kill after so many lines of its log."""
    program = Program(
        f"--config.file={folder / 'config.yml'}",
        "--web.listen-address=127.0.0.1:0",
        variables={"DIGITALOCEAN_TOKEN": token},
    )
    with program:
        program.wait_for_output(rf"\A(?:.*\n){{{lines}}}")
        assert program.stop(signal.SIGKILL) == -signal.SIGKILL


def counters(samples: Samples) -> list[object]:
    """What a scrape says of all that no restart may take back."""
    return [samples.series(name) for name in COUNTERS]


class Killing:
    """Kills processes one after another, each at an event; traffic goes on in steps between.

    An instance ends only once everything before was counted, so that none ends twice unread.
    """

    def __init__(
        self, platform: Platform, server: SimulatorServer, config: Mapping[str, Any], folder: Path
    ) -> None:
        self._platform = platform
        self._token = server.token
        self._config = config
        self._folder = folder
        self.watch = Watch()
        self.traffic = Traffic(platform, ("shop",), 0)

    def run(self) -> None:
        """Kill ``KILLS`` processes; a deployment comes halfway."""
        rng = random.Random(20)
        at_start = set(rng.sample(range(1, KILLS), KILLS_AT_START))
        for number in range(KILLS):
            if number == KILLS // 2:
                self._platform.deploy("shop")
            self.traffic.write_lines(rng.randint(10, 50))
            if number in at_start:
                kill_at_start(self._folder, self._token, lines=rng.randint(0, 1))
            elif number % 3 == 0:
                self._kill_once_all_is_counted()
            else:
                self._kill_at_change(rng.randint(1, 4))

    def _kill_at_change(self, changes: int) -> None:
        """Write until so many scrapes have differed from the one before, and kill."""
        exporter = ExporterProcess(self._folder, self._config, token=self._token)
        with exporter:
            before = self._scrape(exporter)
            for _ in range(changes):
                self.traffic.write_lines(10)
                wait_for(lambda before=before: counters(self._scrape(exporter)) != counters(before))
                before = self._scrape(exporter)
            assert exporter.stop(signal.SIGKILL) == -signal.SIGKILL

    def _kill_once_all_is_counted(self) -> None:
        """Let all be counted, an instance end, and that be counted; then kill amid new lines."""
        exporter = ExporterProcess(self._folder, self._config, token=self._token)
        with exporter:
            for end in (self.traffic.crash, lambda: self.traffic.write_lines(10)):
                wait_for(lambda: all_lines_counted(self._platform, self._scrape(exporter)))
                end()
            assert exporter.stop(signal.SIGKILL) == -signal.SIGKILL

    def _scrape(self, exporter: ExporterProcess) -> Samples:
        samples = exporter.metrics()
        self.watch.note(samples)
        return samples


@pytest.mark.long(25)
def test_killed_again_and_again_it_counts_every_line_once(tmp_path: Path):
    """SIGKILL at any moment, over crashes and a deployment: counts are true and never fall."""
    with simulator(run_archives=True) as (platform, server):
        platform.create_app("shop", COMPONENTS, layout=Layout.SEQUENTIAL)
        config = durable(server, tmp_path)
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until_ready()
            assert exporter.stop(signal.SIGKILL) == -signal.SIGKILL
        killing = Killing(platform, server, config, tmp_path)
        killing.run()
        watch, traffic = killing.watch, killing.traffic
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            watch.note(exporter.wait_until_ready())
            samples = settled(exporter, platform)
            watch.note(samples)
            assert exporter.terminate() == 0
    assert traffic.crashes >= 2
    assert watch.scrapes > KILLS
    assert_counts_are_true(samples, platform)
    assert matches(samples, "payment_declined") == dict(traffic.declined)
    assert_metrics_of_rules_are_true(samples, traffic)
    assert samples.total("digitalocean_app_deployments_total", app="shop", phase="ACTIVE") == 1
    assert samples.value(STATE_UP) == 1
    assert samples.value(STATE_ERRORS) == 0


def assert_metrics_of_rules_are_true(samples: Samples, traffic: Traffic) -> None:
    """Both rules' metrics equal what was written, and what the rules matched."""
    declined = samples.series("shop_declined_total", card="4242")
    assert {(labels["app"], labels["component"]): value for labels, value in declined} == dict(
        traffic.declined
    )
    counts = samples.series("shop_took_seconds_count")
    took = {(labels["app"], labels["component"]): value for labels, value in counts}
    assert took == matches(samples, "health")
    assert sum(took.values()) > 0


def test_a_second_exporter_on_a_file_is_refused(tmp_path: Path):
    """It says why in one line and exits with 1; the first goes on, and its file is free after."""
    with simulator(run_archives=True) as (platform, server):
        platform.create_app("shop", [ComponentSpec("web")])
        config = durable(server, tmp_path)
        second = (f"--config.file={tmp_path / 'config.yml'}", "--web.listen-address=127.0.0.1:0")
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until_ready()
            refused = run_command(*second, variables={"DIGITALOCEAN_TOKEN": server.token})
            platform.write("shop", "web", 0, DECLINED)
            exporter.wait_until(lambda samples: samples.total(LINES) == 1)
            assert exporter.terminate() == 0
        assert (refused.returncode, refused.stdout) == (1, "")
        (line,) = refused.stderr.splitlines()
        assert f"{tmp_path / 'state.db'} cannot be opened: another process holds it" in line
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            assert exporter.wait_until_ready().total(LINES) == 1


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"not a database " * 100, "damaged or no database"), (None, "its folder does not exist")],
)
def test_a_file_that_cannot_be_used_ends_the_start(
    tmp_path: Path, content: bytes | None, problem: str
):
    """One line with the file and the reason, exit code 1, and the file is left as it was."""
    file = tmp_path / "folder" / "state.db"
    if content is not None:
        file.parent.mkdir()
        file.write_bytes(content)
    config = tmp_path / "config.yml"
    config.write_text(f"state: {{url: 'sqlite://{file}'}}\n")
    flags = (f"--config.file={config}", "--web.listen-address=127.0.0.1:0")
    refused = run_command(*flags, variables={"DIGITALOCEAN_TOKEN": "dop_v1_0"})
    assert (refused.returncode, refused.stdout) == (1, "")
    (line,) = refused.stderr.splitlines()
    assert str(file) in line
    assert problem in line
    assert content is None or file.read_bytes() == content


def test_a_file_that_cannot_be_written_any_more_stops_no_count(tmp_path: Path):
    """State is down while lines count on; once it can be written again nothing is missing."""
    with simulator(run_archives=True) as (platform, server):
        platform.create_app("shop", [ComponentSpec("web")])
        config = durable(server, tmp_path)
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            assert exporter.wait_until_ready().value(STATE_UP) == 1
            _, most = resource.prlimit(exporter.pid, resource.RLIMIT_FSIZE)
            # Every write to a file fails from here on, for root too.
            resource.prlimit(exporter.pid, resource.RLIMIT_FSIZE, (0, most))
            platform.write("shop", "web", 0, "one\ntwo\nthree")
            samples = exporter.wait_until(lambda samples: samples.total(LINES) == 3)
            exporter.wait_until(
                lambda samples: samples.value(STATE_ERRORS) >= 2 and samples.value(STATE_UP) == 0
            )
            assert exporter.get("/-/healthy").status_code == 200
            platform.write("shop", "web", 0, DECLINED)
            samples = exporter.wait_until(lambda samples: samples.total(LINES) == 4)
            assert samples.value(STATE_UP) == 0
            resource.prlimit(exporter.pid, resource.RLIMIT_FSIZE, (most, most))
            exporter.wait_until(lambda samples: samples.value(STATE_UP) == 1)
            exporter.wait_for_output("state can be saved again")
            assert exporter.stop(signal.SIGKILL) == -signal.SIGKILL
        assert exporter.output.count("state cannot be saved") == 1
        assert exporter.output.count("state can be saved again") == 1
        platform.write("shop", "web", 0, "while nobody looked")
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            samples = settled(exporter, platform)
    assert samples.total(LINES) == 5
    assert sum(matches(samples, "payment_declined").values()) == 1
    assert_counts_are_true(samples, platform)
