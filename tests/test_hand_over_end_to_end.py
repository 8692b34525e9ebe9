"""Deployments under traffic on a platform that refuses the logs of those that have ended."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from exporter_process import ExporterProcess, Samples, simulated
from hastened import hastened
from monitoring_servers import START_SECONDS, prometheus
from programs import requires
from simulated_traffic import simulator
from steadiness import judged_if_steady

from exporter.commands.children import RULES, prometheus_configuration
from exporter.simulator.platform import Platform
from exporter.simulator.state import ComponentSpec, Kind

LINES = "digitalocean_app_log_lines_total"
GAPS = "digitalocean_app_log_gaps_total"
ERRORS = "digitalocean_app_api_request_errors_total"
HAND_OVERS = 3
STEP_SECONDS = 0.05
ROLLOUT_SECONDS = 3.0
POLLED_ROLLOUT_SECONDS = 8.0
SOME_SECONDS = 20.0
"""A third of the interval between two polls: what reads of every few seconds stay below."""

FACTOR = 60
AFTER_SECONDS = 10.0
"""So long the rules go on watching: ten minutes of theirs."""

FIRED = 'max by (alertname, component) (max_over_time(ALERTS{alertstate="firing"}[10m]))'


class Service:
    """Writes from every instance, old and new, ten lines a second each, and is deployed."""

    def __init__(
        self, platform: Platform, instances: int, rollout: float = ROLLOUT_SECONDS
    ) -> None:
        self._platform = platform
        self._instances = instances
        self._rollout = rollout
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
        self._over.wait(self._rollout)
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


def written(platform: Platform) -> int:
    """How many lines were written, by all instances."""
    return sum(platform.truth().of("shop", name).lines for name in ("web", "worker"))


def lost(platform: Platform) -> int:
    """How many of them no read was ever shown."""
    return sum(platform.truth().of("shop", name).lost_lines for name in ("web", "worker"))


def deployed(samples: Samples, times: int) -> bool:
    """Whether so many deployments were seen, every stream is connected again and nothing fails."""
    connected = samples.series("digitalocean_app_stream_connected")
    active = samples.total("digitalocean_app_deployments_total", phase="ACTIVE")
    return active >= times and all(value == 1 for _, value in connected) and all_up(samples)


def all_up(samples: Samples) -> bool:
    """Whether no target fails and every source is up."""
    return samples.total("digitalocean_app_api_errors") == 0 and all(
        value == 1 for _, value in samples.series("digitalocean_app_source_up")
    )


def assert_nothing_failed(samples: Samples) -> None:
    """No request was refused; one that took too long is the machine's."""
    failed = {labels["error"] for labels, value in samples.series(ERRORS) if value}
    assert failed <= {"timeout"}


@pytest.mark.found(
    "Each deployment was errors and a gap where the logs of ended ones are refused.",
    how="a platform that refuses them as the real one does",
)
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
            samples = exporter.wait_until(
                lambda s: s.total(LINES) >= written(platform) and all_up(s)
            )
            exporter.terminate()
    assert samples.total(LINES) == written(platform)
    assert samples.total(GAPS) == 0
    assert samples.total("digitalocean_app_restarts_total") == 0
    assert_nothing_failed(samples)


@pytest.mark.parametrize("instances", [1, 3])
@pytest.mark.long(35)
def test_polled_hand_overs_lose_some_seconds_and_say_so(tmp_path: Path, instances: int):
    """At an interval of a minute what was written since some seconds is missing: one gap each.

    All that was given out is counted, and no other gap is.
    """
    with simulator() as (platform, server):
        platform.create_app("shop", components(instances))
        config = simulated(server.api_url, logs={"interval": "60s"}, discovery={"interval": "2s"})
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until_ready()
            service = Service(platform, instances, POLLED_ROLLOUT_SECONDS)
            with service.writing(), judged_if_steady(exporter):
                for number in range(1, HAND_OVERS + 1):
                    service.hand_over()
                    gaps = 2 * number
                    samples = exporter.wait_until(
                        lambda s, gaps=gaps: (
                            s.total(GAPS, reason="deployment") >= gaps and all_up(s)
                        )
                    )
                    assert_nothing_failed(samples)
                    assert samples.total(GAPS) == gaps
                lines_a_second = 2 * instances / STEP_SECONDS
                assert lost(platform) / HAND_OVERS < SOME_SECONDS * lines_a_second
            new = platform.begin_deployment("shop")  # reads what is left before a minute is over
            while platform.advance_deployment("shop") != "DEPLOYING":
                pass
            assert new
            samples = exporter.wait_until(
                lambda s: s.total(LINES) >= written(platform) - lost(platform) and all_up(s)
            )
            exporter.terminate()
    assert samples.total(LINES) == written(platform) - lost(platform)
    assert samples.total("digitalocean_app_restarts_total") == 0
    assert_nothing_failed(samples)


@requires("prometheus")
@pytest.mark.parametrize("mode", ["poll", "follow"])
@pytest.mark.long(30)
def test_hand_overs_raise_no_alert(tmp_path: Path, mode: str):
    """The shipped rules in a real Prometheus, sixty times as fast: three deployments, no alert."""
    rules = tmp_path / "alerts.yml"
    rules.write_text(hastened(RULES.read_text(encoding="utf-8"), FACTOR), encoding="utf-8")
    with simulator() as (platform, server):
        platform.create_app("shop", components(2))
        config = simulated(server.api_url, logs={"mode": mode, "interval": "1s"})
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until_ready()
            scraping = prometheus_configuration(urlsplit(exporter.url).netloc, None)
            scraping["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
            scraping["rule_files"] = [str(rules)]
            service = Service(platform, 2)
            with (
                prometheus(tmp_path, scraping) as watching,
                service.writing(),
                judged_if_steady(exporter),
            ):
                seen = "sum(digitalocean_app_deployments_total{phase='ACTIVE'})"
                watching.wait_for(lambda: watching.value(seen) == 0, START_SECONDS)
                for number in range(1, HAND_OVERS + 1):
                    service.hand_over()
                    watching.wait_for(lambda n=number: watching.value(seen) == n, START_SECONDS)
                over = f"vector(time()) > {watching.value('vector(time())')} + {AFTER_SECONDS}"
                watching.wait_for(lambda: watching.value(over), START_SECONDS)
                fired = watching.ask("query", query=FIRED)["result"]
                assert [series["metric"] for series in fired] == []
            exporter.terminate()
