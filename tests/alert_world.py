"""Everything between an app that goes wrong and the one who hears of it, with the shipped rules.

Time passes sixty times as fast: what is read and scraped once a minute in earnest is here read
and scraped once a second, and the durations of the rules and routes are divided to match.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import yaml
from exporter_process import PACKS, ExporterProcess, simulated
from hastened import hastened
from monitoring_servers import START_SECONDS, Alertmanager, Prometheus, alertmanager, prometheus
from simulated_traffic import simulator
from waiting import LIMIT_SECONDS
from webhook import Notified, Webhook

from exporter.commands.children import ROUTES, RULES, prometheus_configuration
from exporter.simulator.platform import Platform
from exporter.simulator.server import SimulatorServer
from exporter.simulator.state import ComponentSpec

FACTOR = 60
ARRIVAL_SECONDS = LIMIT_SECONDS
"""How long an alert may take to arrive or to resolve on a machine that has much else to do."""

EXTERNAL_URL = "https://exporter.example.com"
PAUSE_SECONDS = 0.2
EVERYDAY = "GET /health 200 in 3 ms"

Writer = Callable[[str], None]
"""Writes a line of one component."""


@dataclass(frozen=True)
class Watch:
    """What runs, and who hears."""

    platform: Platform
    server: SimulatorServer
    exporter: ExporterProcess
    folder: Path
    prometheus: Prometheus
    alertmanager: Alertmanager
    webhook: Webhook

    @contextmanager
    def writing(self, app: str, component: str, *messages: str) -> Iterator[None]:
        """Let a component write these lines again and again while the block lasts."""
        over = threading.Event()

        def write() -> None:
            while not over.wait(PAUSE_SECONDS):
                for message in messages:
                    self.platform.write(app, component, 0, message)

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

    def until_quiet(self) -> None:
        """Wait until no alert fires or is held any more."""
        self.prometheus.wait_for(lambda: not self.prometheus.firing(), ARRIVAL_SECONDS)
        self.alertmanager.wait_for(lambda: not self.alertmanager.alerts(), ARRIVAL_SECONDS)

    def page(self, path: str) -> str:
        """The exporter's page."""
        answer = self.exporter.get(path)
        assert answer.status_code == 200
        return answer.text


@contextmanager
def watched(folder: Path, apps: dict[str, Sequence[ComponentSpec]]) -> Iterator[Watch]:
    """All of it running, the rules loaded, the exporter's counts scraped."""
    routes = yaml.safe_load(hastened(ROUTES.read_text(encoding="utf-8"), FACTOR))
    rules = folder / "alerts.yml"
    rules.write_text(hastened(RULES.read_text(encoding="utf-8"), FACTOR), encoding="utf-8")
    token_file = folder / "token"
    with simulator() as (platform, server), Webhook() as webhook:
        for name, components in apps.items():
            platform.create_app(name, components)
        token_file.write_text(server.token)
        config = simulated(
            server.api_url,
            digitalocean={"token_file": str(token_file)},
            web={"external_url": EXTERNAL_URL},
            patterns=PACKS,
        )
        for receiver in routes["receivers"]:
            receiver["webhook_configs"] = [{"url": webhook.url}]
        with (
            ExporterProcess(folder, config, token=None) as exporter,
            alertmanager(folder, yaml.safe_dump(routes)) as manager,
        ):
            exporter.wait_until_ready()
            scraping = prometheus_configuration(urlsplit(exporter.url).netloc, manager.address)
            scraping["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
            scraping["rule_files"] = [str(rules)]
            with prometheus(folder, scraping) as rules_server:
                scraped = "sum(digitalocean_app_restarts_total)"
                rules_server.wait_for(lambda: rules_server.value(scraped) == 0, START_SECONDS)
                yield Watch(platform, server, exporter, folder, rules_server, manager, webhook)
