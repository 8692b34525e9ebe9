"""Several replicas as processes of their own, over a real Redis and the simulated platform."""

import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import requests
import yaml
from exporter_process import ExporterProcess, Samples, simulated
from network_links import Link, linked_redis
from programs import requires
from redis_server import redis_server
from replica_group import LINES, WAIT, group, shown
from replica_judge import OWNED
from replica_stores import Proxy, RestartableRedis
from simulated_traffic import RULE
from state_stores import SHARED, running
from waiting import wait_for

SCRAPES = 8

REPLICAS = "digitalocean_app_exporter_replicas"
INTERVAL = "digitalocean_app_source_interval_seconds"
ROLLBACKS = "digitalocean_app_exporter_state_rollbacks_total"

pytestmark = requires("redis-server")


@pytest.mark.parametrize("kind", [each for each in SHARED if each.values != ("valkey",)])
@pytest.mark.long(35)
def test_shares_follow_the_replicas(kind, tmp_path):
    """1 → 3 → 1: shares spread evenly and come back, by SIGKILL and SIGTERM; all is counted."""
    with (
        running(kind, tmp_path) as database,
        group(tmp_path, database.url) as (replicas, platform, traffic),
    ):
        replicas.start("a")
        replicas.wait_for_owners(4)
        replicas.replicas["a"].wait_until_ready()
        traffic.write_for(1.0)
        replicas.start("b")
        replicas.start("c")
        replicas.wait_for_owners(2, 1, 1)
        traffic.write_for(1.0)
        before = replicas.takeovers()
        replicas.end("b", signal.SIGKILL)
        traffic.write_for(1.0)
        replicas.wait_for_owners(2, 2)
        wait_for(lambda: replicas.takeovers() > before)
        replicas.end("c", signal.SIGTERM)
        traffic.write_for(1.0)
        replicas.wait_for_owners(4)
        replicas.wait_until_counted(platform)


@pytest.mark.long(40)
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
        traffic.write_for(1.0)
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


@contextmanager
def broken_connections() -> Iterator[tuple[Proxy, str]]:
    """A store, with a way to it whose connections break."""
    with redis_server() as store, Proxy(store) as proxy:
        yield proxy, store


@contextmanager
def silent_network() -> Iterator[tuple[Link, str]]:
    """A store on a host of its own, with a way to it that falls silent."""
    with linked_redis(2) as (link, other):
        yield link, other.url


@pytest.mark.parametrize(
    "ways", [broken_connections, pytest.param(silent_network, marks=requires("ip"))]
)
@pytest.mark.long(40)
def test_a_replica_that_is_cut_off_withdraws_by_itself(ways, tmp_path):
    """Without the store it shows nothing once its lease ends, and takes part again afterwards."""
    with (
        ways() as (way, store),
        group(tmp_path, store) as (replicas, platform, traffic),
    ):
        cut_off = replicas.start("a", way.url)
        replicas.wait_for_owners(4)
        replicas.start("b")
        replicas.wait_for_owners(2, 2)
        traffic.write_for(1.0)
        way.cut()
        traffic.write_for(1.0)
        cut_off.wait_until(
            lambda samples: (
                not shown(samples)
                and samples.value(REPLICAS) == 0
                and cut_off.get("/-/ready").status_code == 503
            )
        )
        replicas.wait_for_owners(0, 4)
        way.heal()
        replicas.wait_for_owners(2, 2)
        replicas.wait_until_counted(platform)


@pytest.mark.long(65)
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
        traffic.write_for(1.0)
        replicas.wait_until_counted(platform)
        store.dump()
        store.restart()
        traffic.write_for(1.0)
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


@pytest.mark.long(30)
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
