"""The installed command while a reload adds RUN_RESTARTED to what is read, or takes it away."""

import signal
from pathlib import Path

import pytest
import yaml
from exporter_process import ExporterProcess, Samples, simulated
from simulated_traffic import simulator

from exporter.simulator.state import ComponentSpec

LINES = "digitalocean_app_log_lines_total"
GAPS = "digitalocean_app_log_gaps_total"
RELOADED = "digitalocean_app_exporter_config_last_reload_success_timestamp_seconds"
ONE, BOTH = ["RUN"], ["RUN", "RUN_RESTARTED"]


def wait_for_lines(exporter: ExporterProcess, lines: int) -> Samples:
    """A scrape that shows so many lines."""
    return exporter.wait_until(lambda samples: samples.total(LINES) == lines)


@pytest.mark.found(
    "A reload that added RUN_RESTARTED invented a gap, one that took it away hid one.",
    how="reloads under traffic",
)
@pytest.mark.parametrize(("before", "after"), [(ONE, BOTH), (BOTH, ONE)])
def test_a_reload_of_the_log_types_loses_nothing_without_a_gap(
    before: list[str], after: list[str], tmp_path: Path
):
    """With RUN_RESTARTED the next crash is no gap; without it each crash is one."""
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web")])
        config = simulated(server.api_url, logs={"types": before, "interval": "1s"})
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until_ready()
            for number in range(20):
                platform.write("shop", "web", 0, f"line {number}")
            reloaded = wait_for_lines(exporter, 20).value(RELOADED)
            config["logs"]["types"] = after
            (tmp_path / "config.yml").write_text(yaml.safe_dump(config))
            exporter.send_signal(signal.SIGHUP)
            exporter.wait_until(lambda samples: samples.value(RELOADED) > reloaded)
            exporter.wait_until_ready()
            for number in range(5):
                platform.write("shop", "web", 0, f"later {number}")
            assert wait_for_lines(exporter, 25).total(GAPS) == 0
            platform.crash("shop", "web", 0, ["panic: no"])
            platform.write("shop", "web", 0, "listening")
            if after == BOTH:
                assert wait_for_lines(exporter, 27).total(GAPS) == 0
            else:
                exporter.wait_until(
                    lambda samples: samples.total(GAPS) == 1 and samples.total(LINES) == 26
                )
            assert exporter.terminate() == 0
