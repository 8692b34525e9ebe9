"""The installed command while apps change their identity: made again, renamed."""

from pathlib import Path
from typing import Any

import pytest
from exporter_process import ExporterProcess, Samples, simulated
from simulated_traffic import simulator

from exporter.simulator.platform import Platform
from exporter.simulator.server import SimulatorServer
from exporter.simulator.state import ComponentSpec

UP = "digitalocean_app_source_up"
LINES = "digitalocean_app_log_lines_total"
GAPS = "digitalocean_app_log_gaps_total"
FAILING = "digitalocean_app_api_errors"
RESTARTS = "digitalocean_app_restarts_total"
LAST = "digitalocean_app_source_last_success_timestamp_seconds"
LOGS = 2
LINES_EACH = 20


def configured(server: SimulatorServer, mode: str) -> dict[str, Any]:
    """Everything is read every second, but a stream as it comes."""
    return simulated(server.api_url, logs={"mode": mode, "interval": "1s"})


def write(platform: Platform, component: str) -> None:
    """Some lines of one component."""
    for number in range(LINES_EACH):
        platform.write("shop", component, 0, f"line {number}")


def settled(exporter: ExporterProcess, component: str, lines: int) -> Samples:
    """All is counted and read, and nothing fails as of now."""
    return exporter.wait_until(
        lambda now: (
            now.total(LINES, component=component) >= lines
            and now.total(UP, component=component) == LOGS
            and now.total(FAILING) == 0
        )
    )


@pytest.mark.found(
    "An app that was deleted and made again under its name counted two gaps, asked for deployments "
    "of the former one, and in follow mode `api_errors` showed `not_found` from then on.",
    how="deleting and making an app on the simulated platform",
)
@pytest.mark.parametrize("mode", ["poll", "follow"])
def test_an_app_made_again_under_its_name_counts_on_with_one_gap(mode: str, tmp_path: Path):
    """It has another id: the end of the former one cannot be proven, one gap for the component."""
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web")])
        with ExporterProcess(tmp_path, configured(server, mode), token=server.token) as exporter:
            exporter.wait_until_ready()
            write(platform, "web")
            settled(exporter, "web", LINES_EACH)
            platform.remove_app("shop")
            platform.create_app("shop", [ComponentSpec("web")])
            write(platform, "web")
            samples = settled(exporter, "web", 2 * LINES_EACH)
            later = exporter.wait_until(
                lambda now: now.total(LAST, log_type="RUN") > samples.total(LAST, log_type="RUN")
            )
    assert later.total(LINES) == 2 * LINES_EACH
    assert later.total(RESTARTS) == 0
    assert later.total(GAPS) == later.total(GAPS, reason="deployment") == 1


@pytest.mark.parametrize("mode", ["poll", "follow"])
def test_a_component_that_is_renamed_begins_at_zero_under_its_new_name(mode: str, tmp_path: Path):
    """The old name's series go, those of the new one count from its first line."""
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web")])
        with ExporterProcess(tmp_path, configured(server, mode), token=server.token) as exporter:
            exporter.wait_until_ready()
            write(platform, "web")
            settled(exporter, "web", LINES_EACH)
            platform.deploy("shop", [ComponentSpec("api")])
            write(platform, "api")
            samples = settled(exporter, "api", LINES_EACH)
            samples = exporter.wait_until(lambda now: not now.series(UP, component="web"))
    assert samples.total(LINES) == samples.total(LINES, component="api") == LINES_EACH
    assert samples.total(GAPS) == 0
    assert {labels["component"] for labels, _ in samples.series(LAST)} == {"api"}
