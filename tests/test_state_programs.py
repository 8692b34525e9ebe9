"""The program on real database servers: killed, replaced, and its database taken back in time."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest
from exporter_process import ExporterProcess, run_command, simulated
from postgresql_server import postgresql_server
from redis_server import RedisServer
from simulated_traffic import assert_counts_are_true, settled, simulator, wait_for_two_more_reads
from state_stores import SHARED

from exporter.simulator.platform import Platform
from exporter.simulator.state import ComponentSpec

LINES = "digitalocean_app_log_lines_total"
GAPS = "digitalocean_app_log_gaps_total"
STATE_UP = "digitalocean_app_exporter_state_up"
ROLLBACKS = "digitalocean_app_exporter_state_rollbacks_total"
PASSWORD = "hunter2-secret"


class Server(Protocol):
    """A database server with a past."""

    url: str

    def copy(self, to: Path) -> None:
        """Copy what it holds."""

    def go_back(self, copy: Path) -> None:
        """Restart it with a copy."""


@contextmanager
def running_server(kind: str, folder: Path) -> Iterator[Server]:
    if kind == "postgresql":
        with postgresql_server() as server:
            yield server
        return
    redis = RedisServer(program=f"{kind}-server", folder=folder)
    try:
        redis.start()
        yield redis
    finally:
        redis.stop()


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    with running_server(request.param, tmp_path) as running:
        yield running


every_server = pytest.mark.parametrize("server", SHARED, indirect=True)
every_protocol = pytest.mark.parametrize(
    "server", [each for each in SHARED if each.values != ("valkey",)], indirect=True
)
"""Valkey is taken back in time as Redis is."""


def write(platform: Platform, first: int, last: int, component: str = "web") -> None:
    """Write the lines of these numbers, both included."""
    platform.write("shop", component, 0, "\n".join(f"line {n}" for n in range(first, last + 1)))


@every_server
def test_counts_go_on_after_a_kill_and_a_deployment_of_the_exporter(server: Server, tmp_path: Path):
    """SIGKILL, and a new process that overlaps the old one: each line counts once."""
    with simulator() as (platform, api):
        platform.create_app("shop", [ComponentSpec("web")])
        config = simulated(api.api_url, state={"url": server.url})
        with ExporterProcess(tmp_path, config, token=api.token) as exporter:
            exporter.wait_until_ready()
            write(platform, 1, 2)
            exporter.wait_until(lambda samples: samples.total(LINES) == 2)
            assert exporter.stop(signal.SIGKILL) == -signal.SIGKILL
        write(platform, 3, 3)
        with ExporterProcess(tmp_path, config, token=api.token) as old:
            old.wait_until(lambda samples: samples.total(LINES) == 3)
            with ExporterProcess(tmp_path, config, token=api.token) as new:
                new.wait_until(lambda samples: samples.total(LINES) == 3)
                write(platform, 4, 4)
                new.wait_until(lambda samples: samples.total(LINES) == 4)
                old.wait_until(lambda samples: samples.value(STATE_UP) == 0)
                old.wait_for_output("another exporter has started on it")
                assert old.terminate() == 0
                samples = settled(new, platform)
                assert samples.total(LINES) == 4
                assert samples.total(ROLLBACKS) == 0
                assert_counts_are_true(samples, platform)
        assert PASSWORD not in old.output + new.output


@pytest.mark.found(
    "A Redis that was restored from a dump lost counts without a word.",
    how="a restart of the database from its dump, then a kill",
)
@every_protocol
def test_a_rollback_of_the_database_loses_nothing_while_the_exporter_lives(
    server: Server, tmp_path: Path
):
    """The server restarts from an older copy; then the exporter dies, and nothing is missing."""
    with simulator() as (platform, api):
        platform.create_app("shop", [ComponentSpec("web")])
        config = simulated(api.api_url, state={"url": server.url})
        with ExporterProcess(tmp_path, config, token=api.token) as exporter:
            exporter.wait_until_ready()
            write(platform, 1, 20)
            exporter.wait_until(lambda samples: samples.total(LINES) == 20)
            server.copy(tmp_path / "copy")
            write(platform, 21, 50)
            exporter.wait_until(
                lambda samples: samples.total(LINES) == 50 and samples.value(STATE_UP) == 1
            )
            server.go_back(tmp_path / "copy")
            write(platform, 51, 51)
            exporter.wait_until(
                lambda samples: (
                    samples.total(LINES) == 51
                    and samples.total(ROLLBACKS) == 1
                    and samples.value(STATE_UP) == 1
                )
            )
            exporter.wait_for_output("the state went back, saving everything again")
            assert exporter.stop(signal.SIGKILL) == -signal.SIGKILL
        assert "another exporter" not in exporter.output
        with ExporterProcess(tmp_path, config, token=api.token) as exporter:
            samples = settled(exporter, platform)
            assert samples.total(LINES) == 51
            assert samples.total(GAPS) == 0
            assert_counts_are_true(samples, platform)


@every_protocol
def test_a_rollback_that_no_exporter_lived_through_is_read_again(server: Server, tmp_path: Path):
    """What the platform still serves counts again; of what it does not there is a gap."""
    with simulator() as (platform, api):
        platform.create_app("shop", [ComponentSpec("web"), ComponentSpec("worker")])
        logs = {"interval": "1s", "tail_lines": 20}
        config = simulated(api.api_url, state={"url": server.url}, logs=logs)
        with ExporterProcess(tmp_path, config, token=api.token) as exporter:
            exporter.wait_until_ready()

            def go_on(component: str, first: int, last: int) -> None:
                write(platform, first, last, component)
                exporter.wait_until(lambda s: s.total(LINES, component=component) == last)

            go_on("web", 1, 10)
            go_on("worker", 1, 10)
            server.copy(tmp_path / "copy")
            for first in (11, 21, 31):
                go_on("web", first, first + 9)
            go_on("worker", 11, 20)
            assert exporter.stop(signal.SIGKILL) == -signal.SIGKILL
        server.go_back(tmp_path / "copy")
        with ExporterProcess(tmp_path, config, token=api.token) as exporter:
            exporter.wait_until(lambda samples: samples.total(LINES) == 30 + 20)
            samples = wait_for_two_more_reads(exporter)
            assert samples.total(LINES, component="web") == 30
            assert samples.total(LINES, component="worker") == 20
            assert samples.total(GAPS, component="web", reason="window") == 1
            assert samples.total(GAPS) == 1


@pytest.mark.parametrize("scheme", ["redis", "postgresql"])
def test_a_database_that_is_not_there_ends_the_start(scheme: str, tmp_path: Path):
    """One line that names the database without its password, and exit code 1."""
    config = tmp_path / "config.yml"
    config.write_text(f"state: {{url: '{scheme}://me:{PASSWORD}@127.0.0.1:1/3'}}\n")
    refused = run_command(
        f"--config.file={config}",
        "--web.listen-address=127.0.0.1:0",
        variables={"DIGITALOCEAN_TOKEN": "dop_v1_0"},
    )
    assert (refused.returncode, refused.stdout) == (1, "")
    (line,) = refused.stderr.splitlines()
    assert "state in 127.0.0.1:1/3 cannot be opened" in line
    assert PASSWORD not in line
