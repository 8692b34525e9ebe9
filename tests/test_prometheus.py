"""A real Prometheus scrapes the exporter and evaluates the rules that ship: a crash alerts."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import yaml
from exporter_process import ExporterProcess, simulated
from programs import requires
from simulated_traffic import simulator

from exporter.commands.children import RULES, free_port, prometheus_configuration, running
from exporter.simulator.state import ComponentSpec

START_SECONDS = 30.0
ALERT_SECONDS = 30.0
PAUSE_SECONDS = 0.2


class Prometheus:
    """The HTTP API of a running Prometheus."""

    def __init__(self, address: str, log: Path) -> None:
        self._url = f"http://{address}"
        self._log = log

    def ask(self, path: str, **params: str) -> Any:
        """The ``data`` of an answer; None while Prometheus is not up."""
        try:
            answer = requests.get(f"{self._url}/api/v1/{path}", params=params, timeout=10)
        except requests.ConnectionError:
            return None
        return answer.json()["data"] if answer.status_code == 200 else None

    def wait_for(self, look: Callable[[], Any], timeout: float) -> Any:
        """Return what ``look`` finds, once that is something."""
        deadline = time.monotonic() + timeout
        while not (found := look()):
            if time.monotonic() > deadline:
                recent = self._log.read_text().splitlines()[-20:]
                raise AssertionError("\n".join(["not in time; Prometheus says:", *recent]))
            time.sleep(PAUSE_SECONDS)
        return found

    def value(self, query: str) -> float | None:
        """The value of a query's first series, None if there is none."""
        data = self.ask("query", query=query)
        return float(data["result"][0]["value"][1]) if data and data["result"] else None

    def alerts(self, name: str) -> list[dict[str, Any]]:
        """The alerts of this name that fire."""
        data = self.ask("alerts") or {"alerts": []}
        return [
            alert
            for alert in data["alerts"]
            if alert["labels"]["alertname"] == name and alert["state"] == "firing"
        ]


def prepare(folder: Path, exporter: str) -> Path:
    """Write a configuration that scrapes and evaluates every second; return its path."""
    rules = folder / "alerts.yml"
    text = RULES.read_text()
    assert 'interval: "1m"' in text
    rules.write_text(text.replace('interval: "1m"', 'interval: "1s"'))
    configuration: dict[str, Any] = prometheus_configuration(exporter, None)
    configuration["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    configuration["rule_files"] = [str(rules)]
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(configuration))
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where Prometheus may write."""
    path = tmp_path / "prometheus"
    path.mkdir()
    return path


@requires("prometheus")
def test_a_crash_makes_the_restart_alert_fire(tmp_path: Path, folder: Path):
    """Prometheus scrapes every line's count, loads the rules, and alerts on the crash alone."""
    address = f"127.0.0.1:{free_port()}"
    with simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web"), ComponentSpec("worker")])
        with ExporterProcess(tmp_path, simulated(server.api_url), token=server.token) as exporter:
            exporter.wait_until_ready()
            arguments = [
                "prometheus",
                f"--config.file={prepare(folder, urlsplit(exporter.url).netloc)}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={address}",
            ]
            with running(arguments, folder / "prometheus.log"):
                prometheus = Prometheus(address, folder / "prometheus.log")
                restarts = 'sum(digitalocean_app_restarts_total{component="worker"})'
                prometheus.wait_for(lambda: prometheus.value(restarts) == 0, START_SECONDS)
                groups = prometheus.ask("rules")["groups"]
                assert [rule["health"] for group in groups for rule in group["rules"]].count(
                    "err"
                ) == 0
                assert prometheus.alerts("DoAppRestarted") == []

                platform.write("shop", "worker", 0, "ready")
                platform.crash("shop", "worker", 0, ["panic: assignment to entry in nil map"])
                fired = prometheus.wait_for(
                    lambda: prometheus.alerts("DoAppRestarted"), ALERT_SECONDS
                )
                assert prometheus.value(restarts) == 1
                lines = 'digitalocean_app_log_lines_total{component="worker"}'
                assert prometheus.value(lines) == 2
    assert len(fired) == 1
    labels = fired[0]["labels"]
    assert (labels["app"], labels["component"]) == ("shop", "worker")
    assert (labels["reason"], labels["severity"]) == ("panic", "info")
    assert fired[0]["annotations"]["summary"] == "shop/worker restarted: panic"
