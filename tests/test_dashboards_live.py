"""Every query of the dashboards has data in a real Prometheus that scraped an eventful exporter.

A query that rightly shows nothing most of the time, such as one for failed requests, is asked
after a life in which that happened.
"""

import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import eventful_life
import pytest
from dashboard_fixtures import ANNOTATIONS, FILES, OF_REPLICAS, PANELS, variables
from exporter_process import ExporterProcess
from monitoring_servers import START_SECONDS, Prometheus, prometheus
from programs import requires
from simulated_traffic import simulator

from exporter.commands.children import RULES, prometheus_configuration

RATE_INTERVAL = "60s"
"""What Grafana makes of ``$__rate_interval``: many scrapes, of which some may be missing."""

ACCOUNT = {"account"}
"""The label that is there only where several accounts are configured."""

QUERIES = ("job", "instance", "app", "component")

TAKES_MINUTES = "digitalocean_app_job_missed_run_timestamp_seconds"
"""What no quarter of a minute can show is asked for without its condition."""

pytestmark = [requires("prometheus"), pytest.mark.long(30)]

every_board = pytest.mark.parametrize("name", FILES)
every_panel = pytest.mark.parametrize(
    "panel", [panel for panel in PANELS if panel not in OF_REPLICAS]
)
every_annotation = pytest.mark.parametrize("annotation", ANNOTATIONS)


@dataclass(frozen=True)
class Past:
    """What Prometheus has scraped, from ``start`` to ``end`` in Unix seconds."""

    prometheus: Prometheus
    start: float
    end: float
    target: str

    def values(self, name: str) -> dict[str, list[str]]:
        """What each query variable of a dashboard offers, all that come before being chosen."""
        offered: dict[str, list[str]] = {}
        for variable in QUERIES:
            query = variables(name)[variable]["query"]
            match = re.fullmatch(r"label_values\((.*), (\w+)\)", query)
            assert match
            params = {"match[]": filled(match[1], offered)}
            offered[variable] = self.prometheus.ask(f"label/{match[2]}/values", **params)
        return offered

    def range(self, expr: str) -> list[dict[str, Any]]:
        """The series of a query over the whole past, a point a second."""
        text = self._with_time(expr)
        data = self.prometheus.ask(
            "query_range", query=text, start=str(self.start), end=str(self.end), step="1"
        )
        assert data is not None, text
        return with_numbers(data["result"])

    def instant(self, expr: str) -> list[dict[str, Any]]:
        """The series of a query at the end."""
        text = self._with_time(expr)
        data = self.prometheus.ask("query", query=text, time=str(self.end))
        assert data is not None, text
        return with_numbers([{**series, "values": [series["value"]]} for series in data["result"]])

    def _with_time(self, expr: str) -> str:
        if TAKES_MINUTES in expr:
            expr = expr.replace(" > 0", "")
        length = f"{math.ceil(self.end - self.start)}s"
        return expr.replace("$__rate_interval", RATE_INTERVAL).replace("$__range", length)


def filled(expr: str, chosen: dict[str, list[str]]) -> str:
    """A query with the values of its variables, several of them as Grafana writes them.

    No account has a name here: `All` is chosen, and fits what has no such label.
    """
    expr = expr.replace("$account", ".*")
    for name, values in chosen.items():
        assert values, name
        escaped = [re.sub(r"([.+*?()|\[\]{}^$\\])", r"\\\\\1", value) for value in values]
        text = escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"
        expr = re.sub(rf"\${name}\b", lambda _, text=text: text, expr)
    return expr


def with_numbers(result: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The series that have a number at some time: 0 / 0 draws nothing."""
    return [
        series
        for series in result
        if any(math.isfinite(float(value)) for _, value in series["values"])
    ]


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    """Prometheus once it has scraped how everything happened; the exporter is still there."""
    folder = tmp_path_factory.mktemp("live")
    with simulator() as (platform, server):
        eventful_life.begin(platform, server)
        config = eventful_life.configuration(server, folder)
        with ExporterProcess(folder, config, token=server.token) as exporter:
            exporter.wait_until_ready()
            target = urlsplit(exporter.url).netloc
            scraping = prometheus_configuration(target, None)
            rules = folder / "alerts.yml"
            # Evaluated at every scrape; what is usual is known without an hour of history.
            text = RULES.read_text().replace('interval: "1m"', 'interval: "1s"')
            rules.write_text(text.replace("[1d]) >= 60", "[1d]) >= 1"))
            scraping |= {"global": {"scrape_interval": "1s"}, "rule_files": [str(rules)]}
            start = time.time()
            with prometheus(folder, scraping) as server_of_past:
                server_of_past.wait_for(
                    lambda: server_of_past.value("sum(digitalocean_app_restarts_total)") == 0,
                    START_SECONDS,
                )
                eventful_life.live(platform, server, exporter)
                lived = time.time()
                server_of_past.wait_for(
                    lambda: (server_of_past.value("timestamp(up)") or 0) > lived + 2, START_SECONDS
                )
                server_of_past.wait_for(
                    lambda: server_of_past.value('ALERTS{alertname="DoAppRestarted"}'),
                    START_SECONDS,
                )
                yield Past(server_of_past, start, time.time(), target)


@every_board
def test_every_variable_offers_what_there_is(past: Past, name: str):
    """Each variable's query has the values that the others leave."""
    assert past.values(name) == {
        "job": ["do-app-exporter"],
        "instance": [past.target],
        "app": ["shop"],
        "component": sorted(
            [
                eventful_life.FOLLOWED,
                eventful_life.POLLED,
                eventful_life.PUSHED,
                eventful_life.JOB,
            ]
        ),
    }


@every_panel
def test_every_panel_has_data(past: Past, panel: dict):
    """Each query of each panel, for all values chosen one by one; its lines can be named."""
    for target in panel["targets"]:
        expr = filled(target["expr"], past.values("overview.json"))
        series = past.instant(expr) if target["instant"] else past.range(expr)
        assert series, target["refId"]
        names = set(re.findall(r"\{\{(\w+)\}\}", target.get("legendFormat", ""))) - ACCOUNT
        assert all(names <= each["metric"].keys() for each in series)


@every_panel
def test_every_panel_has_data_for_all(past: Past, panel: dict):
    """The same for `All`, which stands for `.+`."""
    for target in panel["targets"]:
        expr = filled(target["expr"], {})
        for variable in QUERIES:
            expr = expr.replace(f"${variable}", ".+")
        assert past.instant(expr) if target["instant"] else past.range(expr), target["refId"]


@every_annotation
def test_every_annotation_marks_something(past: Past, annotation: dict):
    """Each event has happened, has a time within the past shown, and can be named."""
    series = past.range(filled(annotation["expr"], past.values("overview.json")))
    assert series
    names = set(re.findall(r"\{\{(\w+)\}\}", annotation["titleFormat"])) - ACCOUNT
    for each in series:
        assert names == each["metric"].keys()
        if annotation["useValueForTime"]:
            milliseconds = float(each["values"][-1][1])
            assert past.start - 60 <= milliseconds / 1000 <= past.end
        else:
            assert all(float(value) > 0 for _, value in each["values"])


def test_the_restart_is_marked_with_its_reason_and_the_failure_with_its_step(past: Past):
    """What a person wants to know of an event is in its labels."""
    [restart] = [a.values[0] for a in ANNOTATIONS if a.id == "component.json-Restarts"]
    [series] = past.range(filled(restart["expr"], past.values("component.json")))
    assert series["metric"] == {
        "app": "shop",
        "component": eventful_life.FOLLOWED,
        "reason": "panic",
    }
    [panel] = [p.values[0] for p in PANELS if p.id == "component.json-Failed deployments"]
    [series] = past.range(filled(panel["targets"][0]["expr"], past.values("component.json")))
    assert series["metric"] == {"app": "shop", "step": "build", "reason": "BuildJobFailed"}
    assert {value for _, value in series["values"]} == {"1"}


def test_a_firing_alert_is_listed_with_whom_it_is_about_and_why(past: Past):
    """The crash is among the alerts on the overview: its component and its reason."""
    [panel] = [p.values[0] for p in PANELS if p.id == "overview.json-Firing alerts"]
    listed = past.instant(filled(panel["targets"][0]["expr"], past.values("overview.json")))
    assert {
        "alertname": "DoAppRestarted",
        "severity": "warning",
        "app": "shop",
        "component": eventful_life.FOLLOWED,
        "reason": "panic",
    } in [series["metric"] for series in listed]
