"""The installed command while its wall clock is set, as after a start with a wrong clock."""

from pathlib import Path

import pytest
from exporter_process import ExporterProcess, Samples, simulated
from programs import requires
from simulated_traffic import simulator

from exporter.simulator.state import ComponentSpec

LINES = "digitalocean_app_log_lines_total"


def library() -> str:
    """Where libfaketime is."""
    [found] = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    return str(found)


def wait_for_lines(exporter: ExporterProcess, lines: int) -> Samples:
    """A scrape that shows so many lines."""
    return exporter.wait_until(lambda samples: samples.total(LINES) == lines)


@pytest.mark.found(
    "A step of the wall clock stopped reads, while `/-/healthy` stayed good.",
    how="a clock that was set while the program ran",
)
@requires("faketime")
@pytest.mark.parametrize("mode", ["poll", "follow"])
@pytest.mark.parametrize("step", ["-600", "+600"])
def test_a_step_of_the_wall_clock_stops_nothing(mode: str, step: str, tmp_path: Path):
    """Ten minutes back or ahead: lines go on to count, all of them, and the program is healthy."""
    offset = tmp_path / "offset"
    offset.write_text("+0\n")
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web", instances=2)])
        config = simulated(server.api_url, logs={"mode": mode, "interval": "1s"})
        exporter = ExporterProcess(tmp_path, config, token=server.token)
        exporter._variables |= {
            "LD_PRELOAD": library(),
            "FAKETIME_TIMESTAMP_FILE": str(offset),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
        with exporter:
            exporter.wait_until_ready()
            written = 0
            for setting in ("+0\n", f"{step}\n", "+0\n"):
                offset.write_text(setting)
                for _ in range(3):
                    for number in range(4):
                        platform.write("shop", "web", number % 2, f"line {written}")
                        written += 1
                    wait_for_lines(exporter, written)
                assert exporter.get("/-/healthy").status_code == 200
            platform.create_app("blog", [ComponentSpec("api")])
            platform.write("blog", "api", 0, "hello")
            samples = wait_for_lines(exporter, written + 1)
            assert samples.total("digitalocean_app_log_gaps_total") == 0
            assert exporter.terminate() == 0
