"""The installed command while its wall clock is set, as after a start with a wrong clock."""

import time
from pathlib import Path

import pytest
from exporter_process import ExporterProcess, Samples, simulated
from programs import requires
from simulated_traffic import hourly, simulator

from exporter.simulator.jobs import Jobs
from exporter.simulator.scaling import Scaling
from exporter.simulator.state import ComponentSpec, Kind

LINES = "digitalocean_app_log_lines_total"


def library() -> str:
    """Where libfaketime is."""
    [found] = Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")
    return str(found)


def by_another_clock(exporter: ExporterProcess, offset: Path) -> ExporterProcess:
    """The program with a wall clock that is off by what stands in a file."""
    exporter._variables |= {
        "LD_PRELOAD": library(),
        "FAKETIME_TIMESTAMP_FILE": str(offset),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        # It would let waits on the monotonic clock end at once, again and again.
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",
    }
    return exporter


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
        with by_another_clock(exporter, offset):
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


@pytest.mark.found(
    "Started for the first time with a clock that was ahead and then again, the exporter passed "
    "over the lines of each new deployment until as much time had passed, and no gap said so.",
    how="random lives of threads whose wall clock steps",
)
@requires("faketime")
@pytest.mark.parametrize("later", ["+0", "+600"])
def test_lines_count_after_a_restart_though_the_clock_was_ahead_at_the_first_start(
    later: str, tmp_path: Path
):
    """When it first started is kept by the platform's clock; the clock may still be wrong."""
    offset = tmp_path / "offset"
    offset.write_text("+600\n")
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web")])
        config = simulated(
            server.api_url,
            discovery={"interval": "1s"},
            logs={"interval": "1s"},
            state={"url": f"sqlite:///{tmp_path / 'state.db'}"},
        )
        exporter = ExporterProcess(tmp_path, config, token=server.token)

        def counts_a_line(samples: Samples) -> bool:
            platform.write("shop", "web", 0, "hello")
            return samples.total(LINES) > 0

        with by_another_clock(exporter, offset):
            exporter.wait_until(counts_a_line)
            assert exporter.terminate() == 0
        offset.write_text(f"{later}\n")
        again = ExporterProcess(tmp_path, config, token=server.token)
        with by_another_clock(again, offset):
            again.wait_until_ready()
            platform.create_app("blog", [ComponentSpec("api")])
            for number in range(3):
                platform.write("blog", "api", 0, f"line {number}")
            samples = again.wait_until(lambda samples: samples.total(LINES, app="blog") == 3)
            assert samples.total("digitalocean_app_log_gaps_total") == 0
            assert again.terminate() == 0


@pytest.mark.found(
    "Started with a clock that was ahead, the exporter counted no run of a job and no autoscaling "
    "until as much time had passed.",
    how="a fake platform written from the facts alone, and libfaketime",
)
@requires("faketime")
def test_runs_and_scalings_count_though_the_clock_was_ahead_at_the_start(tmp_path: Path):
    """What is from before the start is told by the platform's clock."""
    offset = tmp_path / "offset"
    offset.write_text("+600\n")
    with simulator() as (platform, server):
        report = ComponentSpec("report", Kind.JOB, job=hourly())
        platform.create_app("shop", [ComponentSpec("web"), report])
        jobs = Jobs(platform, time.time)
        config = simulated(
            server.api_url,
            collectors={"events": True},
            discovery={"interval": "1s"},
            logs={"interval": "1s"},
        )
        exporter = ExporterProcess(tmp_path, config, token=server.token)
        with by_another_clock(exporter, offset):
            exporter.wait_until_ready()
            scaling = Scaling("1", time.time() + 1, "web", 1, 2, "cpu")
            platform.view(lambda apps: [app.scalings.append(scaling) for app in apps.values()])
            jobs.run("shop", "report", "all is done", phase="SUCCEEDED")
            exporter.wait_until(
                lambda samples: (
                    (
                        samples.total("digitalocean_app_autoscaling_events_total"),
                        samples.total("digitalocean_app_job_invocations_total"),
                        samples.total(LINES, log_type="JOB_INVOCATION"),
                    )
                    == (1, 1, 1)
                )
            )
            assert exporter.terminate() == 0
