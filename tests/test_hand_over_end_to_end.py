"""Deployments under traffic on a platform that refuses the logs of those that have ended."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from exporter_process import ExporterProcess, Samples, simulated
from simulated_traffic import simulator

from exporter.simulator.platform import Platform
from exporter.simulator.state import ComponentSpec, Kind

LINES = "digitalocean_app_log_lines_total"
GAPS = "digitalocean_app_log_gaps_total"
ERRORS = "digitalocean_app_api_request_errors_total"
HAND_OVERS = 3
STEP_SECONDS = 0.05
ROLLOUT_SECONDS = 3.0


class Service:
    """Writes from every instance, old and new, ten lines a second each, and is deployed."""

    def __init__(self, platform: Platform, instances: int) -> None:
        self._platform = platform
        self._instances = instances
        self._components = ("web", "worker")
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._beside: str | None = None

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Write within the block."""
        thread = threading.Thread(target=self._write)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def hand_over(self) -> None:
        """One deployment, with old and new containers side by side for a while."""
        new = self._platform.begin_deployment("shop")
        while self._platform.advance_deployment("shop") != "DEPLOYING":
            pass
        self._beside = new
        self._over.wait(ROLLOUT_SECONDS)
        words = {name: ["SIGTERM received", "bye"] for name in self._components}
        with self._lock:
            self._beside = None
            assert self._platform.advance_deployment("shop", words) == "ACTIVE"

    def _write(self) -> None:
        number = 0
        while not self._over.wait(STEP_SECONDS):
            with self._lock:
                number += 1
                for name in self._components:
                    for index in range(self._instances):
                        for where in {None, self._beside}:
                            text = f"order {number} shipped"
                            self._platform.write("shop", name, index, text, deployment_id=where)


def components(instances: int) -> list[ComponentSpec]:
    """A service and a worker, of so many instances each."""
    kinds = {"web": Kind.SERVICE, "worker": Kind.WORKER}
    return [ComponentSpec(name, kind, instances) for name, kind in kinds.items()]


def deployed(samples: Samples, times: int) -> bool:
    """Whether so many deployments were seen and every stream is connected again."""
    connected = samples.series("digitalocean_app_stream_connected")
    active = samples.total("digitalocean_app_deployments_total", phase="ACTIVE")
    return active >= times and all(value == 1 for _, value in connected)


def assert_nothing_failed(samples: Samples) -> None:
    """No request counted as failed, every source up."""
    assert samples.total(ERRORS) == samples.total("digitalocean_app_api_errors") == 0
    assert all(value == 1 for _, value in samples.series("digitalocean_app_source_up"))


@pytest.mark.parametrize("instances", [1, 3])
def test_followed_hand_overs_lose_nothing(tmp_path: Path, instances: int):
    """Three deployments in a row: every line counts, last words too, and there is no gap."""
    with simulator() as (platform, server):
        platform.create_app("shop", components(instances))
        config = simulated(server.api_url, logs={"mode": "follow", "interval": "60s"})
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until_ready()
            service = Service(platform, instances)
            with service.writing():
                for number in range(1, HAND_OVERS + 1):
                    service.hand_over()
                    samples = exporter.wait_until(partial(deployed, times=number))
                    assert_nothing_failed(samples)
            truth = platform.truth()
            written = sum(truth.of("shop", name).lines for name in ("web", "worker"))
            samples = exporter.wait_until(lambda s: s.total(LINES) >= written)
            time.sleep(2)
            samples = exporter.metrics()
    assert samples.total(LINES) == written
    assert samples.total(GAPS) == 0
    assert samples.total("digitalocean_app_restarts_total") == 0
    assert_nothing_failed(samples)
