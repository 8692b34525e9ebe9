"""`logs.scope: app`: one request for all components of an app, and every line still once."""

import threading
from pathlib import Path

import pytest
from exporter_process import ExporterProcess, simulated
from simulated_traffic import COMPONENTS, Traffic, assert_counts_are_true, settled, simulator

from exporter.simulator.state import ComponentSpec, Layout

LINES = "digitalocean_app_log_lines_total"
GAPS = "digitalocean_app_log_gaps_total"
REQUESTS = "digitalocean_app_api_requests_total"
UP = "digitalocean_app_source_up"
QUIET = {"health": False, "restart_count": False, "deployments": False}


@pytest.mark.parametrize("layout", [Layout.SEQUENTIAL, Layout.INTERLEAVED])
@pytest.mark.parametrize("in_total", [False, True], ids=["each", "in total"])
def test_every_line_counts_once(tmp_path: Path, layout: Layout, in_total: bool):
    """Over crashes and a deployment, whether the platform cuts per instance or the whole text."""
    with simulator(run_archives=True) as (platform, server):
        server.reader.tail_in_total = in_total
        platform.create_app("shop", COMPONENTS, layout=layout)
        logs = {"interval": "1s", "scope": "app"}
        with ExporterProcess(
            tmp_path, simulated(server.api_url, logs=logs), token=server.token
        ) as exporter:
            exporter.wait_until_ready()
            traffic = Traffic(platform, ("shop",), 200.0)
            writer = threading.Thread(target=traffic.write_for, args=(3.0,))
            writer.start()
            writer.join(1.5)
            platform.deploy("shop")
            writer.join()
            samples = settled(exporter, platform)
            assert exporter.terminate() == 0
    assert traffic.crashes >= 1
    assert_counts_are_true(samples, platform)


def test_one_request_reads_all_components(tmp_path: Path):
    """Twenty components cost what one does, and each shows how its own reading stands."""
    with simulator() as (platform, server):
        names = [f"web-{number}" for number in range(20)]
        platform.create_app("shop", [ComponentSpec(name) for name in names])
        config = simulated(
            server.api_url,
            logs={"interval": "1s", "scope": "app", "types": ["RUN"]},
            discovery={"interval": "1h"},
            collectors=QUIET,
        )
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            before = exporter.wait_until_ready().value(REQUESTS, endpoint="logs")
            for number, name in enumerate(names):
                platform.write("shop", name, 0, "\n".join(["line"] * (number + 1)))
            samples = exporter.wait_until(lambda samples: samples.total(LINES) == 210)
            after = exporter.wait_until(
                lambda samples: samples.value(REQUESTS, endpoint="logs") >= before + 6
            )
            for number, name in enumerate(names):
                labels = {"app": "shop", "component": name}
                assert samples.value(LINES, **labels, log_type="RUN") == number + 1
                assert after.value(UP, **labels, log_type="RUN") == 1
            assert exporter.terminate() == 0
    paths = [request.path for request in server.api_requests.requests]
    assert [path for path in paths if "/components/" in path] == []
    assert sum(path.endswith("/logs") for path in paths) >= 6


def test_component_that_a_busy_one_pushes_out_is_read_by_itself(tmp_path: Path):
    """Where the whole text is cut, what it shows too little of is asked for alone: no gap."""
    with simulator() as (platform, server):
        server.reader.tail_in_total = True
        platform.create_app("shop", [ComponentSpec("loud"), ComponentSpec("quiet")])
        logs = {"interval": "1s", "scope": "app", "tail_lines": 300}
        config = simulated(server.api_url, logs=logs, collectors=QUIET)
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until_ready()
            platform.write("shop", "quiet", 0, "\n".join(f"said {n}" for n in range(5)))
            exporter.wait_until(lambda samples: samples.total(LINES) == 5)
            for burst in range(3):
                platform.write("shop", "quiet", 0, f"said again {burst}")
                text = "\n".join(f"burst {burst} {n}" for n in range(250))
                platform.write("shop", "loud", 0, text)
                expected = 5 + (burst + 1) * 251
                samples = exporter.wait_until(
                    lambda samples, expected=expected: samples.total(LINES) == expected
                )
            assert samples.total(GAPS) == 0
            assert exporter.terminate() == 0
