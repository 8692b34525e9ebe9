"""The real canary on the simulated platform, followed over cuts, crashes and a hand-over."""

import subprocess
from pathlib import Path

import pytest
from exporter_process import COMMAND, ExporterProcess, Samples, environment
from simulated_traffic import all_lines_counted, simulator
from test_follow_end_to_end import following, settled, streams_cut_at_random

from exporter.logs.canary_line import parse_canary_line
from exporter.simulator.platform import Platform
from exporter.simulator.state import ComponentSpec, Kind

MISSING = "digitalocean_app_canary_lines_missing_total"
ANNOUNCED = "digitalocean_app_canary_lines_announced_total"
REPEATED = "digitalocean_app_canary_lines_repeated_total"
DELAYS = "digitalocean_app_canary_delay_seconds_count"


def run_canary(platform: Platform, lines: int, *, lost: frozenset[int] = frozenset()) -> None:
    """Let the canary live and die as the worker's only container; some lines get lost."""
    arguments = ["canary", "--rate=40", f"--crash-every={lines}"]
    with subprocess.Popen(
        [str(COMMAND), *arguments],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout is not None
        for text in process.stdout:
            line = parse_canary_line(text)
            if line is not None and line.number in lost:
                platform.lose_lines("shop", "canary", 1)
            platform.write("shop", "canary", 0, text.rstrip(b"\n"))
    platform.crash("shop", "canary", 0)


def lines_missing(exporter: ExporterProcess, at_least: float) -> Samples:
    return exporter.wait_until(lambda samples: samples.value(MISSING) >= at_least)


@pytest.mark.long(85)
def test_nothing_is_missing_over_cuts_crashes_and_a_hand_over_but_what_was_lost(tmp_path: Path):
    """Streams cut at random, three deaths, one deployment: missing are exactly the lost lines."""
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("canary", Kind.WORKER, 1)])
        config = following(
            server,
            patterns={"packs": ["canary"], "rules": []},
            state={"url": f"sqlite:///{tmp_path}/state.db"},
        )
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until_ready()
            exporter.wait_until(lambda samples: samples.value(MISSING) == 0)
            with streams_cut_at_random(server):
                run_canary(platform, 90)
                exporter.wait_until(
                    lambda samples: samples.total("digitalocean_app_restarts_total") == 1
                )
                run_canary(platform, 70, lost=frozenset({20, 21, 22, 50}))
                exporter.wait_until(
                    lambda samples: samples.total("digitalocean_app_restarts_total") == 2
                )
            settled(exporter, platform)
            exporter.wait_until(lambda samples: samples.value(DELAYS) == 90 + 70 - 4)
            samples = lines_missing(exporter, 4)
            assert (samples.value(MISSING), samples.value(ANNOUNCED)) == (4, 0)
        # What is known of the runs lasts over the restart of the exporter.
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until_ready()
            platform.deploy("shop")
            run_canary(platform, 60, lost=frozenset({59, 60}))
            exporter.wait_until(lambda samples: all_lines_counted(platform, samples))
            exporter.wait_until(lambda samples: samples.value(DELAYS) == 60 - 2)
            samples = lines_missing(exporter, 6)
        # The hand-over is announced as a gap, which may explain what was lost around it.
        assert samples.value(MISSING) == 6
        assert samples.value(REPEATED) == 0
