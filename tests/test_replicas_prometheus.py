"""What a real Prometheus with the documented relabelling makes of replicas that come and go."""

import json
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from dashboard_fixtures import OF_REPLICAS
from monitoring_servers import Prometheus, prometheus
from programs import requires
from redis_server import redis_server
from replica_group import COMPONENTS, LINES, WAIT, Group, documented_relabelling, group, shown
from simulated_traffic import Traffic
from waiting import wait_for

from exporter.simulator.platform import Platform

APPS = tuple(f"shop-{number}" for number in range(8))
"""So many that each share has some: the ids of a platform follow from its seed."""

LINES_PER_SECOND = 24.0
"""So few that one read shows those of minutes: a slow machine loses none."""

PIECE_SECONDS = 3.0

Sample = tuple[float, float]
"""The time and the value of a sample."""

Component = tuple[str, str]

pytestmark = [requires("redis-server"), requires("prometheus")]


@contextmanager
def scraping(folder: Path, replicas: Group) -> Iterator[Prometheus]:
    """A Prometheus that scrapes every replica each second, wherever it has started again."""
    configuration = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [
            {
                "job_name": "do-app-exporter",
                "file_sd_configs": [{"files": [str(folder / "targets.json")]}],
                "metric_relabel_configs": documented_relabelling(),
            }
        ],
    }
    find(folder, replicas)
    with prometheus(folder, configuration) as server:
        yield server


def find(folder: Path, replicas: Group) -> None:
    """Tell Prometheus where the replicas are by now."""
    urls = [replica.url.removeprefix("http://") for replica in replicas.replicas.values()]
    written = folder / "targets.new"
    written.write_text(json.dumps([{"targets": urls}]))
    written.rename(folder / "targets.json")


@contextmanager
def writing(traffic: Traffic) -> Iterator[None]:
    """Write all the time until the block ends."""
    ended = threading.Event()

    def write() -> None:
        while not ended.is_set():
            traffic.write_for(PIECE_SECONDS)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def samples_of(server: Prometheus) -> dict[Component, list[Sample]]:
    """All samples of the lines of each component, in order; each component is one series."""
    data = server.ask("query", query=f"{LINES}[1h]")
    found = {
        (series["metric"]["app"], series["metric"]["component"]): [
            (float(at), float(value)) for at, value in series["values"]
        ]
        for series in data["result"]
    }
    assert len(found) == len(data["result"])
    return found


def wait_until_scraped(server: Prometheus, platform: Platform) -> dict[Component, Sample]:
    """Wait until Prometheus has every line that was written; return the newest samples."""
    written = {
        (key.app, key.component): truth.lines
        for (key, log_type), truth in platform.truth().logs.items()
        if log_type == "RUN"
    }
    newest: dict[Component, Sample] = {}

    def look() -> bool:
        newest.clear()
        newest.update({key: samples[-1] for key, samples in samples_of(server).items()})
        return {key: value for key, (_, value) in newest.items()} == written

    wait_for(look, WAIT, lambda: f"{newest} {written}")
    return newest


def increase(server: Prometheus, component: Component, first: Sample, last: Sample) -> float:
    """What PromQL calls the increase from one sample to another.

    The range begins a millisecond before the first and ends at the last one, so that next to
    nothing is extrapolated.
    """
    milliseconds = round((last[0] - first[0]) * 1000) + 1
    series = f'{LINES}{{app="{component[0]}", component="{component[1]}"}}'
    query = f"increase({series}[{milliseconds}ms])"
    [found] = server.ask("query", query=query, time=f"{last[0]:.3f}")["result"]
    return float(found["value"][1])


@pytest.mark.long(60)
def test_increase_over_each_fail_over_is_what_was_written(tmp_path):
    """One of three is killed, another stopped, and each started again, while lines are written."""
    with redis_server() as store, group(tmp_path, store, apps=APPS) as scene:
        replicas, platform, _ = scene
        traffic = Traffic(platform, APPS, LINES_PER_SECOND, COMPONENTS)
        for name in ("a", "b", "c"):
            replicas.start(name)
        replicas.wait_for_owners(2, 1, 1)
        with scraping(tmp_path, replicas) as server:
            for app in APPS:
                platform.write(app, COMPONENTS[0].name, 0, "started")
            before = wait_until_scraped(server, platform)
            assert len(before) == len(APPS) * len(COMPONENTS)
            for name, number in (("a", signal.SIGKILL), ("b", signal.SIGTERM)):
                moving = wait_for(partial(shown_by, replicas, name), WAIT, replicas.logs)
                with writing(traffic):
                    replicas.end(name, number)
                    replicas.wait_for_owners(2, 2)
                    left = [other for other in "abc" if other != name]
                    wait_for(
                        lambda m=moving, o=left: m <= shown_by(replicas, *o), WAIT, replicas.logs
                    )
                    replicas.start(name)
                    find(tmp_path, replicas)
                    replicas.wait_for_owners(2, 1, 1)
                after = wait_until_scraped(server, platform)
                written = {each: after[each][1] - before[each][1] for each in after}
                assert sum(written.values()) > LINES_PER_SECOND
                increased = {
                    each: round(increase(server, each, before[each], after[each])) for each in after
                }
                assert increased == written, f"over the end of {name} by signal {number}"
                before = after
            replicas.wait_until_counted(platform)
            wait_until_scraped(server, platform)
            for component, samples in samples_of(server).items():
                values = [value for _, value in samples]
                assert values == sorted(values), f"{component} fell"
            one = f"count by () (count by (instance) ({LINES}))"
            wait_for(lambda: server.value(one) == 1)
            assert_panels_have_data(server)


def shown_by(replicas: Group, *names: str) -> set[Component]:
    """The components that some replicas show."""
    return {each for name in names for each in shown(replicas.replicas[name].metrics())}


def assert_panels_have_data(server: Prometheus) -> None:
    """Every panel about replicas shows something."""
    assert len(OF_REPLICAS) == 5
    for panel in OF_REPLICAS:
        for target in panel.values[0]["targets"]:
            query = re.sub(r"\$(job|instance)", ".+", target["expr"])
            query = query.replace("$__rate_interval", "10s")
            wait_for(lambda query=query: server.value(query) is not None, says=lambda q=query: q)
