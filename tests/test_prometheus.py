"""Alerts that arrive: exporter, Prometheus, Alertmanager and a receiver, with the shipped rules.

Time passes sixty times as fast: what is read and scraped once a minute in earnest is here read
and scraped once a second, and the durations of the rules and routes are divided to match.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from exporter_process import ExporterProcess, simulated
from hastened import hastened
from monitoring_servers import START_SECONDS, Alertmanager, Prometheus, alertmanager, prometheus
from programs import requires
from simulated_traffic import simulator
from webhook import Notified, Webhook

from exporter.commands.children import RULES, prometheus_configuration
from exporter.simulator.platform import Platform
from exporter.simulator.server import SimulatorServer
from exporter.simulator.state import ComponentSpec

ROOT = Path(__file__).parent.parent
ROUTES = ROOT / "dashboards/alertmanager.example.yml"
FACTOR = 60
ARRIVAL_SECONDS = 90.0
"""How long an alert may take to arrive or to resolve on a machine that has much else to do."""

PAUSE_SECONDS = 0.2
EVERYDAY = "GET /health 200 in 3 ms"
FAILURE = "checkout failed: the gateway timed out"
RULE = {"name": "checkout_failed", "regex": "checkout failed", "level": "error"}
OF_APPS = {
    rule["alert"]
    for rule in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"][0]["rules"]
    if "alert" in rule and "$labels.app }}" in rule["annotations"]["summary"]
}
"""The alerts that say something of an app."""


@dataclass(frozen=True)
class Watch:
    """Everything between an app that goes wrong and the one who hears of it."""

    platform: Platform
    server: SimulatorServer
    exporter: ExporterProcess
    folder: Path
    prometheus: Prometheus
    alertmanager: Alertmanager
    webhook: Webhook
    errors: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def traffic(self) -> Iterator[None]:
        """Both components write in the block; web fails as well while ``errors`` is set."""
        over = threading.Event()

        def write() -> None:
            while not over.wait(PAUSE_SECONDS):
                for component in ("web", "worker"):
                    self.platform.write("shop", component, 0, EVERYDAY)
                for _ in range(2 * self.errors.is_set()):
                    self.platform.write("shop", "web", 0, FAILURE)

        thread = threading.Thread(target=write)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def arrived(self, status: str, name: str, since: int = 0, **labels: str) -> Notified:
        """The notification of an alert, once it has come; ``since`` as in ``Webhook``."""
        return self.webhook.wait_for(status, name, ARRIVAL_SECONDS, since, **labels)


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    """All of it running, the rules loaded, the exporter's counts scraped."""
    routes = yaml.safe_load(hastened(ROUTES.read_text(encoding="utf-8"), FACTOR))
    rules = tmp_path / "alerts.yml"
    rules.write_text(hastened(RULES.read_text(encoding="utf-8"), FACTOR), encoding="utf-8")
    token_file = tmp_path / "token"
    with simulator() as (platform, server), Webhook() as webhook:
        server.rate_limit.per_hour = 1_000_000
        platform.create_app("shop", [ComponentSpec("web"), ComponentSpec("worker")])
        token_file.write_text(server.token)
        config = simulated(
            server.api_url,
            digitalocean={"token_file": str(token_file)},
            patterns={"packs": [], "rules": [RULE]},
            api_budget={"per_hour": 1_000_000, "per_minute": 100_000},
        )
        routes["receivers"][0]["webhook_configs"] = [{"url": webhook.url}]
        with (
            ExporterProcess(tmp_path, config, token=None) as exporter,
            alertmanager(tmp_path, yaml.safe_dump(routes)) as manager,
        ):
            exporter.wait_until_ready()
            scraping = prometheus_configuration(urlsplit(exporter.url).netloc, manager.address)
            scraping["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
            scraping["rule_files"] = [str(rules)]
            with prometheus(tmp_path, scraping) as server_of_rules:
                yield Watch(platform, server, exporter, tmp_path, server_of_rules, manager, webhook)


@requires("prometheus")
@requires("prometheus-alertmanager")
def test_alerts_arrive_and_resolve(watch: Watch):
    """A crash, errors, a refused token, a refused configuration: each arrives, and resolves."""
    restarts = 'sum(digitalocean_app_restarts_total{component="worker"})'
    watch.prometheus.wait_for(lambda: watch.prometheus.value(restarts) == 0, START_SECONDS)
    groups = watch.prometheus.ask("rules")["groups"]
    assert {rule["health"] for group in groups for rule in group["rules"]} <= {"ok", "unknown"}
    with watch.traffic():
        a_crash_arrives(watch)
        rising_errors_arrive_and_resolve(watch)
        watch.arrived("resolved", "DoAppRestarted", component="worker")
        a_refused_token_arrives_alone(watch)
        watch.prometheus.wait_for(lambda: not watch.prometheus.firing(), ARRIVAL_SECONDS)
        watch.alertmanager.wait_for(lambda: not watch.alertmanager.alerts(), ARRIVAL_SECONDS)
    groups = watch.prometheus.ask("rules")["groups"]
    assert {rule["health"] for group in groups for rule in group["rules"]} == {"ok"}


def a_crash_arrives(watch: Watch) -> None:
    """The worker panics: the alert names app, component, reason and the runbook."""
    assert watch.webhook.alerts == []
    watch.platform.crash("shop", "worker", 0, ["panic: assignment to entry in nil map"])
    alert = watch.arrived("firing", "DoAppRestarted")
    identity = {"job": "do-app-exporter", "app": "shop", "component": "worker"}
    assert alert["labels"] == {
        "alertname": "DoAppRestarted",
        **identity,
        "reason": "panic",
        "severity": "info",
    }
    assert alert["annotations"]["summary"] == "shop/worker restarted: panic"
    assert_links(alert, "/d/do-app-component?var-app=shop&var-component=worker")


def rising_errors_arrive_and_resolve(watch: Watch) -> None:
    """Most of what web writes are errors, for a while."""
    watch.errors.set()
    alert = watch.arrived("firing", "DoAppHighErrorRatio", severity="critical")
    watch.errors.clear()
    assert (alert["labels"]["app"], alert["labels"]["component"]) == ("shop", "web")
    assert_links(alert, "/d/do-app-component?var-app=shop&var-component=web")
    watch.arrived("resolved", "DoAppHighErrorRatio", severity="critical")


def a_refused_token_arrives_alone(watch: Watch) -> None:
    """Web crashes, then the API answers 401: what is said of apps from then on is muted."""
    watch.platform.crash("shop", "web", 0, ["panic: index out of range"])
    watch.arrived("firing", "DoAppRestarted", component="web")
    token = watch.server.rotate_token()
    alert = watch.arrived("firing", "DoAppApiUnauthorized", endpoint="logs")
    assert_links(alert, "/d/do-app-exporter")
    since = len(watch.webhook.alerts)
    muted: dict[str, set[str]] = {}

    def restart_and_staleness_are_muted() -> bool:
        muted.update(watch.alertmanager.inhibited())
        return {"DoAppRestarted", "DoAppDataStale"} <= muted.keys()

    watch.alertmanager.wait_for(restart_and_staleness_are_muted, ARRIVAL_SECONDS)
    assert {"DoAppApiUnauthorized"} == muted["DoAppDataStale"]
    assert muted["DoAppRestarted"] <= {"DoAppApiUnauthorized", "DoAppDataStale"}
    a_refused_configuration_arrives_all_the_same(watch)
    (watch.folder / "token").write_text(token)
    watch.arrived("resolved", "DoAppApiUnauthorized", since, endpoint="logs")
    arrived = {
        alert["labels"]["alertname"]
        for alert in watch.webhook.alerts[since:]
        if alert["status"] == "firing"
    }
    assert not arrived & (OF_APPS - {"DoAppRestarted"})


def a_refused_configuration_arrives_all_the_same(watch: Watch) -> None:
    """What is said of the exporter itself is not muted, and resolves with a good file."""
    file = watch.folder / "config.yml"
    good = file.read_text()
    file.write_text("log: {}\n")
    watch.exporter.send_signal(signal.SIGHUP)
    alert = watch.arrived("firing", "DoAppConfigReloadFailed")
    assert_links(alert, "/d/do-app-exporter")
    file.write_text(good)
    watch.exporter.send_signal(signal.SIGHUP)
    watch.arrived("resolved", "DoAppConfigReloadFailed")


def assert_links(alert: Notified, dashboard: str) -> None:
    """The alert leads to its dashboard and to the runbook of its name, which is there."""
    page = f"docs/runbooks/{alert['labels']['alertname']}.md"
    assert alert["annotations"]["runbook_url"].endswith(f"/blob/main/{page}")
    assert (ROOT / page).is_file()
    assert alert["annotations"]["dashboard"] == dashboard
