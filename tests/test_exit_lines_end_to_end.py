"""A crash that the platform tells of, on the whole program: counted once, with code and reason."""

import time
from pathlib import Path

import pytest
from exporter_process import ExporterProcess, simulated
from simulated_traffic import simulator

from exporter.simulator.platform import EXITED, TERMINATED
from exporter.simulator.state import ComponentSpec

LINES = "digitalocean_app_log_lines_total"
RESTARTS = "digitalocean_app_restarts_total"
EXITS = "digitalocean_app_container_exits_total"
ALONE_AFTER_SECONDS = 8.0
"""By then an exit line that no container was found for would have been counted alone."""


@pytest.mark.parametrize("mode", ["poll", "follow"])
def test_a_crash_and_the_lines_about_it_are_one_end(tmp_path: Path, mode: str):
    """Three crashes, then a deployment, whose code 143 is no restart.

    The last words of the third say nothing, so that its code gives the reason.
    The platform tells of each crash in both wordings, of one even twice in the same, and these
    lines stand in the log of the container that crashes next.
    """
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web")])
        config = simulated(server.api_url, logs={"mode": mode, "interval": "1s"})
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until_ready()
            platform.write("shop", "web", 0, "serving")
            exporter.wait_until(lambda s: s.total(LINES) == 1)
            for number, (words, code, told) in enumerate(
                (
                    (
                        "FATAL ERROR: JavaScript heap out of memory",
                        137,
                        (EXITED, TERMINATED, EXITED),
                    ),
                    ("panic: no", 2, (TERMINATED, EXITED)),
                    ("GET / 200", 139, (EXITED,)),
                ),
                start=1,
            ):
                platform.crash("shop", "web", 0, [words], exit_code=code, told=told)
                platform.write("shop", "web", 0, "listening")
                exporter.wait_until(
                    lambda s, n=number, code=str(code): (
                        s.total(RESTARTS) >= n and s.total(EXITS, exit_code=code) >= 1
                    )
                )
            platform.begin_deployment("shop")
            while platform.advance_deployment("shop", {"web": ["bye"]}, exit_code=143) != "ACTIVE":
                pass
            platform.write("shop", "web", 0, "after")
            truth = platform.truth().of("shop", "web")
            over = time.monotonic() + ALONE_AFTER_SECONDS
            samples = exporter.wait_until(
                lambda s: (
                    time.monotonic() > over
                    and s.total(LINES)
                    >= truth.lines - platform.truth().of("shop", "web").lost_lines
                )
            )
            exporter.terminate()
    ends = {labels["reason"]: n for labels, n in samples.series(RESTARTS) if n}
    assert ends == {"out_of_memory": 1, "panic": 1, "signal": 1}
    assert truth.container_ends == 3
    codes = {labels["exit_code"]: n for labels, n in samples.series(EXITS) if n}
    assert codes["137"] == codes["2"] == codes["139"] == 1
    if mode == "follow":
        assert codes == {"137": 1, "2": 1, "139": 1, "143": 1}
        assert samples.total(LINES) == truth.lines
        assert samples.total("digitalocean_app_log_gaps_total") == 0
