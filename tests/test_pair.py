"""Two exporters that know nothing of each other, as docs/high-availability.md sets them up.

Each watches the same apps, with a state of its own and half of the API budget. A real Prometheus
scrapes both, with the shipped rules and the queries of the shipped dashboards.
"""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from exporter_process import PACKS, ExporterProcess, simulated
from monitoring_servers import Prometheus, prometheus
from programs import requires
from simulated_traffic import simulator
from waiting import LIMIT_SECONDS

from dashboards import queries
from exporter.commands.children import RULES, prometheus_configuration
from exporter.simulator.platform import Platform
from exporter.simulator.state import ComponentSpec

LINES = "digitalocean_app_log_lines_total"
OF_WEB = 'component="web", log_type="RUN"'
TIMEOUT = LIMIT_SECONDS
JOB = "do-app-exporter"

pytestmark = requires("prometheus")


@dataclass
class Pair:
    """Two exporters, and the Prometheus that scrapes them."""

    platform: Platform
    exporters: list[ExporterProcess]
    prometheus: Prometheus

    def write(self, first: int, last: int) -> None:
        """Write errors with these numbers, both included."""
        lines = "\n".join(f"ERROR order {n} failed" for n in range(first, last + 1))
        self.platform.write("shop", "web", 0, lines)

    def wait_until_scraped(self, exporter: ExporterProcess, lines: int) -> None:
        """Wait until Prometheus has this count from an exporter."""
        query = f'{LINES}{{instance="{urlsplit(exporter.url).netloc}", {OF_WEB}}}'
        self.prometheus.wait_for(lambda: self.prometheus.value(query) == lines, TIMEOUT)

    def values(self, query: str, at: float) -> dict[tuple[str, ...], float]:
        """The series of a query at a moment, by their labels."""
        result = self.prometheus.ask("query", query=query, time=str(at))["result"]
        return {
            tuple(sorted(f"{k}={v}" for k, v in series["metric"].items())): float(
                series["value"][1]
            )
            for series in result
        }


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    """Both exporters have read once, and Prometheus has scraped both at 0."""
    with ExitStack() as running:
        platform, server = running.enter_context(simulator())
        platform.create_app("shop", [ComponentSpec("web")])
        exporters = []
        for name in ("a", "b"):
            folder = tmp_path / name
            folder.mkdir()
            state = {"url": f"sqlite://{folder}/state.db"}
            budget = {"per_hour": 1_000_000, "per_minute": 100_000, "share": 0.4}
            config = simulated(server.api_url, state=state, api_budget=budget, patterns=PACKS)
            process = ExporterProcess(folder, config, token=server.token)
            exporters.append(running.enter_context(process))
        targets = [urlsplit(each.url).netloc for each in exporters]
        scraping: dict[str, Any] = prometheus_configuration(targets[0], None)
        scraping["scrape_configs"][0]["static_configs"] = [{"targets": targets}]
        rules = tmp_path / "alerts.yml"
        rules.write_text(RULES.read_text().replace('interval: "1m"', 'interval: "1s"'))
        scraping |= {"global": {"scrape_interval": "1s"}, "rule_files": [str(rules)]}
        asked = running.enter_context(prometheus(tmp_path, scraping))
        for exporter in exporters:
            exporter.wait_until_ready()
        pair = Pair(platform, exporters, asked)
        for exporter in exporters:
            pair.wait_until_scraped(exporter, 0)
        yield pair


def test_a_pair_shows_what_happened_once_and_outlives_either(pair: Pair):
    """Counts of rules and dashboards are the truth and not its double; a kill leaves no dip."""
    pair.write(1, 60)
    pair.platform.crash("shop", "web", 0, ["panic: boom"])
    for exporter in pair.exporters:
        pair.wait_until_scraped(exporter, 61)
    restarted = 'count(ALERTS{alertname="DoAppRestarted", alertstate="firing"})'
    pair.prometheus.wait_for(lambda: pair.prometheus.value(restarted), TIMEOUT)
    assert pair.prometheus.value(restarted) == 1
    assert_counted_once(pair, time.time())

    began = time.time()
    killed, left = pair.exporters
    assert killed.stop(signal.SIGKILL) == -signal.SIGKILL
    pair.write(61, 100)
    pair.wait_until_scraped(left, 101)
    gone = f'up{{instance="{urlsplit(killed.url).netloc}"}} == 0'
    pair.prometheus.wait_for(lambda: pair.prometheus.value(gone) == 0, TIMEOUT)
    now = time.time()
    pair.prometheus.wait_for(
        lambda: (pair.prometheus.value("max(timestamp(up))") or 0) > now + 2, TIMEOUT
    )
    ended = time.time()
    counts = history(pair, f"max without (instance) ({LINES}{{{OF_WEB}}})", began, ended)
    assert counts[0] == 61
    assert counts[-1] == 101
    assert counts == sorted(counts)
    recorded = history(pair, "app_component:digitalocean_app_log_lines:increase10m", began, ended)
    assert len(recorded) == len(counts)
    assert min(recorded) >= 61
    assert recorded[-1] >= 101
    assert pair.prometheus.value(restarted) == 1


def assert_counted_once(pair: Pair, at: float) -> None:
    """What recording rules and dashboards show of both is what they show of one of them.

    An increase is extrapolated to the ends of its range, and so more than was counted: it is held
    against that of each exporter at the same moment.
    """
    counted = pair.values(f"max without (instance) ({LINES}{{{OF_WEB}}})", at)
    assert list(counted.values()) == [61]
    rules = yaml.safe_load(RULES.read_text())["groups"]
    expressions = {
        rule["record"]: rule["expr"]
        for group in rules
        for rule in group["rules"]
        if "record" in rule and f"{LINES}" in rule["expr"]
    }
    lines = expressions["app_component:digitalocean_app_log_lines:increase10m"]
    ((_, increased),) = pair.values(lines, at).items()
    each = pair.values(f"increase({LINES}{{{OF_WEB}}}[10m])", at)
    assert len(each) == 2
    assert increased == max(each.values())
    assert increased >= 61
    shown = {
        f"sum({queries.increase(metric)})": truth
        for metric, truth in (
            (LINES, 61),
            ("digitalocean_app_restarts_total", 1),
            ("digitalocean_app_log_gaps_total", 0),
        )
    }
    for query, truth in shown.items():
        everything = {"job": JOB, "app": ".+", "component": ".+"}
        both = pair.values(filled(query, instance=".+", **everything), at)
        assert len(both) == 1
        alone = [
            pair.values(filled(query, instance=urlsplit(one.url).netloc, **everything), at)
            for one in pair.exporters
        ]
        assert both[()] == max(each[()] for each in alone)
        assert both[()] >= truth


def filled(query: str, **variables: str) -> str:
    """A query of a dashboard with its variables filled in."""
    for name, value in {**variables, "account": ".*"}.items():
        query = query.replace(f"${name}", value)
    return query.replace("$__range", "10m")


def history(pair: Pair, query: str, start: float, end: float) -> list[float]:
    """The values of a query that has one series, a point a second without one missing."""
    data = pair.prometheus.ask("query_range", query=query, start=str(start), end=str(end), step="1")
    (series,) = data["result"]
    assert len(series["values"]) == int(end - start) + 1
    return [float(value) for _, value in series["values"]]
