"""Several replicas as processes of their own, over a real Redis and the simulated platform."""

import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import requests
import simulated_traffic
import yaml
from dashboard_fixtures import OF_REPLICAS
from exporter_process import ExporterProcess, Samples, simulated
from monitoring_servers import Prometheus, prometheus
from programs import requires
from redis_server import redis_server
from replica_judge import OWNED, Judge
from replica_stores import Proxy, RestartableRedis
from simulated_traffic import RULE, Traffic, simulator, wait_for_two_more_reads
from state_stores import SHARED, running
from waiting import LIMIT_SECONDS, wait_for

from exporter.simulator.platform import Platform
from exporter.simulator.state import Layout

APPS = tuple(f"shop-{number}" for number in range(6))
COMPONENTS = simulated_traffic.COMPONENTS[:1]
SHARES = 4
TAKEOVER = 8
WAIT = LIMIT_SECONDS
SCRAPES = 8

LINES = "digitalocean_app_log_lines_total"
RESTARTS = "digitalocean_app_restarts_total"
TAKEOVERS = "digitalocean_app_exporter_takeovers_total"
REPLICAS = "digitalocean_app_exporter_replicas"
INTERVAL = "digitalocean_app_source_interval_seconds"
ROLLBACKS = "digitalocean_app_exporter_state_rollbacks_total"

DOCUMENT = Path(__file__).parent.parent / "docs" / "high-availability.md"

Scene = tuple["Group", Platform, Traffic]

pytestmark = requires("redis-server")


class Group:
    """Replicas that share a platform and a store, all judged."""

    def __init__(
        self, folder: Path, api_url: str, token: str, store: str, judge: Judge, takeover: int
    ) -> None:
        self._folder = folder
        self.api_url = api_url
        self.token = token
        self._store = store
        self.judge = judge
        self._takeover = takeover
        self._stack = ExitStack()
        self.replicas: dict[str, ExporterProcess] = {}

    def start(self, name: str, store: str = "") -> ExporterProcess:
        """Start a replica; it need not own anything yet."""
        folder = self._folder / f"{name}-{time.monotonic_ns()}"
        folder.mkdir()
        config = simulated(
            self.api_url,
            state={"url": store or self._store},
            replicas={
                "enabled": True,
                "name": name,
                "shares": SHARES,
                "takeover_after": f"{self._takeover}s",
            },
            patterns={"packs": [], "rules": [RULE]},
            collectors={"health": False, "restart_count": False, "deployments": False},
            discovery={"interval": "3s"},
        )
        replica = ExporterProcess(folder, config, token=self.token)
        self._stack.enter_context(replica)
        self.replicas[name] = replica
        self.judge.add(replica.url)
        return replica

    def close(self) -> None:
        self._stack.close()

    def scrapes(self) -> dict[str, Samples]:
        return {name: replica.metrics() for name, replica in self.replicas.items()}

    def owned(self) -> dict[str, int]:
        """The number of shares of each replica that runs."""
        return {name: int(samples.total(OWNED)) for name, samples in self.scrapes().items()}

    def wait_for_owners(self, *counts: int) -> None:
        """Wait until the replicas own so many shares, in any order."""
        owned: dict[str, int] = {}

        def look() -> bool:
            owned.update(self.owned())
            return sorted(owned.values()) == sorted(counts)

        wait_for(look, WAIT, lambda: f"{owned} {self.logs()}")

    def takeovers(self) -> float:
        """The shares that were taken from silent replicas, by those that run."""
        return sum(samples.value(TAKEOVERS) for samples in self.scrapes().values())

    def logs(self) -> str:
        return "\n\n".join(
            f"{name}:\n" + "\n".join(replica.output.splitlines()[-30:])
            for name, replica in self.replicas.items()
        )

    def end(self, name: str, number: int) -> None:
        self.replicas.pop(name).stop(number)

    def wait_until_counted(self, platform: Platform) -> None:
        """Wait until the replicas together show every line and container end, and no more."""
        found: list[str] = []

        def look() -> bool:
            scrapes = self.scrapes().values()
            found[:] = []
            for (key, log_type), truth in platform.truth().logs.items():
                identity = {"app": key.app, "component": key.component}
                if log_type != "RUN":
                    continue
                for name, wanted in ((LINES, truth.lines), (RESTARTS, truth.container_ends)):
                    counted = sum(samples.total(name, **identity) for samples in scrapes)
                    if counted != wanted:
                        found.append(f"{name} of {key}: {counted} of {wanted}")
            return not found

        wait_for(look, WAIT, lambda: f"{found} {self.logs()}")
        for replica in self.replicas.values():
            wait_for_two_more_reads(replica)
        # What is counted twice stays so.
        wait_for(look, WAIT, lambda: f"{found} {self.logs()}")


@contextmanager
def group(tmp_path: Path, store: str, takeover: int = TAKEOVER) -> Iterator[Scene]:
    """A platform with traffic to come, and nobody who reads yet; judged at the end."""
    with simulator() as (platform, server):
        for app in APPS:
            platform.create_app(app, COMPONENTS, layout=Layout.SEQUENTIAL)
        judge = Judge()
        replicas = Group(tmp_path, server.api_url, server.token, store, judge, takeover)
        try:
            with judge:
                yield replicas, platform, Traffic(platform, APPS, 60.0, COMPONENTS)
        finally:
            replicas.close()
        assert judge.scrapes > 10
        assert judge.faults() == []


def shown(samples: Samples) -> set[tuple[str, str]]:
    """The components that a scrape shows."""
    return {(labels["app"], labels["component"]) for labels, _ in samples.series(LINES)}


@pytest.mark.parametrize("kind", [each for each in SHARED if each.values != ("valkey",)])
def test_shares_follow_the_replicas(kind, tmp_path):
    """1 → 3 → 1: shares spread evenly and come back, by SIGKILL and SIGTERM; all is counted."""
    with (
        running(kind, tmp_path) as database,
        group(tmp_path, database.url) as (replicas, platform, traffic),
    ):
        replicas.start("a")
        replicas.wait_for_owners(4)
        replicas.replicas["a"].wait_until_ready()
        traffic.write_for(2.0)
        replicas.start("b")
        replicas.start("c")
        replicas.wait_for_owners(2, 1, 1)
        traffic.write_for(2.0)
        before = replicas.takeovers()
        replicas.end("b", signal.SIGKILL)
        traffic.write_for(2.0)
        replicas.wait_for_owners(2, 2)
        wait_for(lambda: replicas.takeovers() > before)
        replicas.end("c", signal.SIGTERM)
        traffic.write_for(2.0)
        replicas.wait_for_owners(4)
        replicas.wait_until_counted(platform)


def test_a_frozen_replica_shows_nothing_when_it_wakes_up(tmp_path):
    """SIGSTOP past the lease: others take its shares; its first answers after SIGCONT have none.

    The store is out of its reach then, so that nothing but its own lease can tell it.
    """
    with (
        redis_server() as store,
        Proxy(store) as proxy,
        group(tmp_path, store) as (replicas, platform, traffic),
    ):
        frozen = replicas.start("a", proxy.url)
        replicas.wait_for_owners(4)
        replicas.start("b")
        replicas.wait_for_owners(2, 2)
        traffic.write_for(2.0)
        wait_for(lambda: shown(frozen.metrics()), WAIT)
        frozen.send_signal(signal.SIGSTOP)
        proxy.cut()
        other = replicas.replicas["b"]
        other.wait_until(lambda samples: samples.total(OWNED) == 4, WAIT)
        traffic.write_for(1.0)
        with ThreadPoolExecutor(SCRAPES) as scrapers:
            # Asked while it is frozen, so that they are the first that it answers.
            asked = [scrapers.submit(requests.get, f"{frozen.url}/metrics") for _ in range(SCRAPES)]
            time.sleep(1.0)
            assert not any(answer.done() for answer in asked)
            frozen.send_signal(signal.SIGCONT)
            answers = [Samples(answer.result().text) for answer in asked]
        assert [shown(answer) for answer in answers] == [set()] * SCRAPES
        proxy.heal()
        replicas.wait_for_owners(2, 2)
        replicas.wait_until_counted(platform)


def test_a_replica_that_is_cut_off_withdraws_by_itself(tmp_path):
    """Without the store it shows nothing once its lease ends, and takes part again afterwards."""
    with (
        redis_server() as store,
        Proxy(store) as proxy,
        group(tmp_path, store) as (replicas, platform, traffic),
    ):
        cut_off = replicas.start("a", proxy.url)
        replicas.wait_for_owners(4)
        replicas.start("b")
        replicas.wait_for_owners(2, 2)
        traffic.write_for(2.0)
        proxy.cut()
        traffic.write_for(1.0)
        cut_off.wait_until(
            lambda samples: (
                not shown(samples)
                and samples.value(REPLICAS) == 0
                and cut_off.get("/-/ready").status_code == 503
            )
        )
        replicas.wait_for_owners(0, 4)
        proxy.heal()
        replicas.wait_for_owners(2, 2)
        replicas.wait_until_counted(platform)


def test_a_store_that_restarts_and_goes_back_loses_nothing(tmp_path):
    """The owners save all that they know anew; nobody shows less than before."""
    folder = tmp_path / "redis"
    folder.mkdir()
    with (
        RestartableRedis(folder) as store,
        group(tmp_path, store.url, takeover=20) as (replicas, platform, traffic),
    ):
        replicas.start("a")
        replicas.start("b")
        replicas.wait_for_owners(2, 2)
        traffic.write_for(2.0)
        replicas.wait_until_counted(platform)
        store.dump()
        store.restart()
        traffic.write_for(2.0)
        replicas.wait_until_counted(platform)
        store.restart()  # back to the dump
        traffic.write_for(1.0)
        replicas.wait_for_owners(2, 2)
        replicas.wait_until_counted(platform)
        wait_for(
            lambda: sum(samples.total(ROLLBACKS) for samples in replicas.scrapes().values()) >= 1
        )
        # What the store holds now is all of it.
        replicas.end("a", signal.SIGKILL)
        replicas.end("b", signal.SIGKILL)
        replicas.start("c")
        replicas.wait_for_owners(4)
        replicas.wait_until_counted(platform)


def test_replicas_continue_what_a_single_exporter_counted(tmp_path):
    """Lines of the time before, of the time between and of the time after count once each."""
    with redis_server() as store, group(tmp_path, store) as (replicas, platform, traffic):
        folder = tmp_path / "alone"
        folder.mkdir()
        alone = simulated(
            replicas.api_url, state={"url": store}, patterns={"packs": [], "rules": [RULE]}
        )
        with ExporterProcess(folder, alone, token=replicas.token) as exporter:
            exporter.wait_until_ready()
            traffic.write_lines(100)
            exporter.wait_until(lambda samples: samples.total(LINES) == 100)
        traffic.write_lines(50)
        replicas.start("a")
        replicas.wait_for_owners(4)
        traffic.write_lines(50)
        replicas.wait_until_counted(platform)


def test_a_reload_continues_also_with_other_shares(tmp_path):
    """SIGHUP changes what the shares are read by; with another number of them it joins anew."""
    with redis_server() as store, group(tmp_path, store) as (replicas, platform, traffic):
        replica = replicas.start("a")
        replicas.wait_for_owners(4)
        replica.wait_until_ready()
        traffic.write_lines(60)
        replicas.wait_until_counted(platform)
        file = next(tmp_path.glob("a-*/config.yml"))
        config = yaml.safe_load(file.read_text(encoding="utf-8"))
        config["logs"]["interval"] = "2s"
        file.write_text(yaml.safe_dump(config), encoding="utf-8")
        replica.send_signal(signal.SIGHUP)
        replica.wait_until(lambda samples: set(values(samples, INTERVAL)) == {2.0})
        replicas.wait_for_owners(4)
        traffic.write_lines(60)
        replicas.wait_until_counted(platform)
        config["replicas"]["shares"] = 2
        file.write_text(yaml.safe_dump(config), encoding="utf-8")
        replica.send_signal(signal.SIGHUP)
        replicas.wait_for_owners(2)
        traffic.write_lines(60)
        replicas.wait_until_counted(platform)


def values(samples: Samples, name: str) -> list[float]:
    """The values of all series of a metric."""
    return [value for _, value in samples.series(name)]


@requires("prometheus")
def test_increase_in_prometheus_is_what_was_written(tmp_path):
    """With the documented relabelling a counter continues through SIGKILL and SIGTERM."""
    with redis_server() as store, group(tmp_path, store) as (replicas, platform, traffic):
        for name in ("a", "b", "c"):
            replicas.start(name)
        replicas.wait_for_owners(2, 1, 1)
        urls = [replica.url.removeprefix("http://") for replica in replicas.replicas.values()]
        configuration = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [
                {
                    "job_name": "do-app-exporter",
                    "static_configs": [{"targets": urls}],
                    "metric_relabel_configs": documented_relabelling(),
                }
            ],
        }
        with prometheus(tmp_path, configuration) as server:
            total = f"count({LINES})"
            wait_for(lambda: server.value(total) == len(APPS) * len(COMPONENTS), WAIT)
            first = {key: value for key, (value, *_) in samples_of(server).items()}
            for number, name in ((signal.SIGKILL, "a"), (signal.SIGTERM, "b")):
                traffic.write_for(2.0)
                replicas.end(name, number)
                traffic.write_for(2.0)
            replicas.wait_for_owners(4)
            replicas.wait_until_counted(platform)
            written = {
                (key.app, key.component): truth.lines - first[key.app, key.component]
                for (key, log_type), truth in platform.truth().logs.items()
                if log_type == "RUN"
            }
            assert sum(written.values()) > 100

            def increased() -> dict[tuple[str, str], float]:
                found = samples_of(server)
                return {key: values[-1] - first[key] for key, values in found.items()}

            wait_for(lambda: increased() == written, WAIT, lambda: f"{increased()} {written}")
            for key, values in samples_of(server).items():
                assert values == sorted(values), f"{key} fell"
            assert len(OF_REPLICAS) == 5
            for panel in OF_REPLICAS:
                for target in panel.values[0]["targets"]:
                    query = re.sub(r"\$(job|instance)", ".+", target["expr"])
                    query = query.replace("$__rate_interval", "10s")
                    wait_for(
                        lambda query=query: server.value(query) is not None, says=lambda q=query: q
                    )
            one = f"count by () (count by (instance) ({LINES}))"
            wait_for(lambda: server.value(one) == 1)


def documented_relabelling() -> list[dict[str, object]]:
    """The relabelling that docs/high-availability.md shows."""
    text = DOCUMENT.read_text(encoding="utf-8")
    [block] = [
        block
        for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
        if "metric_rel" in block
    ]
    [job] = yaml.safe_load(block)["scrape_configs"]
    return job["metric_relabel_configs"]


def samples_of(server: Prometheus) -> dict[tuple[str, str], list[float]]:
    """All values of the lines of each component, in order; each is one series."""
    data = server.ask("query", query=f"{LINES}[10m]")
    found = {
        (series["metric"]["app"], series["metric"]["component"]): [
            float(value) for _, value in series["values"]
        ]
        for series in data["result"]
    }
    assert len(found) == len(data["result"])
    return found
