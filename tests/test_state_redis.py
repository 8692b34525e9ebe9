"""State in a real Redis: the same as in a file, whole or not at all, one owner at a time."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from exporter_process import ExporterProcess, run_command, simulated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from programs import requires
from prometheus_client import CollectorRegistry
from redis_server import redis_server
from simulated_traffic import assert_counts_are_true, settled, simulator
from state_batches import BATCHES

from exporter.collect.ledger import Ledger
from exporter.errors import StateError, StateRolledBack
from exporter.metrics import Metrics
from exporter.model import ComponentKey
from exporter.simulator.state import ComponentSpec
from exporter.state.accounts import AccountState
from exporter.state.redis import META, OWNER, RedisState
from exporter.state.sqlite import SqliteState
from exporter.state.store import Batch, CursorKey, DocumentKey, ValueKey

pytestmark = requires("redis-server")

WEB, API = ComponentKey("shop", "web"), ComponentKey("blog", "api")
LINES = ValueKey("lines_total", ("shop", "web", "RUN"))
PASSWORD = "hunter2-secret"


def clock() -> float:
    return 1000.0


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with redis_server() as url:
        yield url


@pytest.fixture
def url(server: str) -> str:
    """A database with nothing in it."""
    with redis.Redis.from_url(server) as client:
        client.flushall()
    return server


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(BATCHES, max_size=6), restart_after=st.integers(0, 6))
def test_any_batches_leave_what_a_file_would_hold(
    url: str, tmp_path_factory: pytest.TempPathFactory, batches: list[Batch], restart_after: int
):
    """Redis and SQLite hold the same after the same batches, also over a restart of both."""
    with redis.Redis.from_url(url) as client:
        client.flushall()
    path = tmp_path_factory.mktemp("state") / "state.db"
    states = (RedisState(url, clock), SqliteState(path, clock))
    for number, batch in enumerate(batches):
        if number == restart_after:
            for state in states:
                state.close()
            states = (RedisState(url, clock), SqliteState(path, clock))
            for state in states:
                state.load()
        for state in states:
            state.save(batch)
    in_redis, in_file = (state.load() for state in states)
    assert in_redis == in_file
    for state in states:
        state.close()


def test_cursors_come_back_in_the_order_in_which_they_were_used(url: str):
    """The deployment that was read last stands last, whatever the database's own order."""
    state = RedisState(url, clock)
    keys = [CursorKey(WEB, name) for name in "bcad"]
    for key in keys:
        state.save(Batch(cursors={key: b"1"}))
    state.close()
    again = RedisState(url, clock)
    assert list(again.load().cursors) == keys
    again.save(Batch(cursors={keys[0]: b"2"}))
    assert list(again.load().cursors) == [*keys[1:], keys[0]]
    again.close()


def test_the_exporter_that_started_last_owns_the_state(url: str):
    """What an earlier one still saves is refused, and nothing of it is kept."""
    first = RedisState(url, clock)
    first.save(Batch(values={LINES: 1.0}))
    second = RedisState(url, clock)
    assert second.load().values == {LINES: 1.0}
    with pytest.raises(StateError, match="another exporter has started on it"):
        first.save(Batch(values={LINES: 2.0}))
    second.save(Batch(values={LINES: 3.0}))
    assert second.load().values == {LINES: 3.0}
    first.close()
    second.close()


def test_an_owner_that_comes_while_a_batch_is_sent_wins(url: str, monkeypatch: pytest.MonkeyPatch):
    """Between the look at the owner and the transaction nobody can slip in."""
    first = RedisState(url, clock)
    write = RedisState._write

    def overtaken(self: RedisState, pipeline: redis.client.Pipeline, batch: Batch) -> None:
        with redis.Redis.from_url(url) as client:
            client.set(OWNER, b"99:another")
        write(self, pipeline, batch)

    monkeypatch.setattr(RedisState, "_write", overtaken)
    with pytest.raises(StateError, match="another exporter has started on it"):
        first.save(Batch(values={LINES: 2.0}))
    assert first.load().values == {}
    first.close()


def test_a_newer_version_is_refused(url: str):
    """A state that a newer exporter wrote is left alone, and the message says what to do."""
    RedisState(url, clock).close()
    with redis.Redis.from_url(url) as client:
        client.hset(META, "version", 9)
        owner = client.get(OWNER)
        with pytest.raises(StateError, match=r"it has version 9, .* use the newer exporter"):
            RedisState(url, clock)
        assert client.get(OWNER) == owner


def test_no_message_holds_the_password():
    """A wrong password and a server that is not there are told by host and port."""
    with redis_server(password=PASSWORD) as url:
        with pytest.raises(StateError, match="its user or password is wrong") as wrong:
            RedisState(url.replace(PASSWORD, "wrong-secret"), clock)
        RedisState(url, clock).close()
    with pytest.raises(StateError, match=r"state in 127\.0\.0\.1:\d+/0 cannot be opened") as gone:
        RedisState(url, clock)
    assert "secret" not in str(wrong.value)
    assert "secret" not in str(gone.value)


def test_counts_go_on_after_a_kill_and_a_deployment_of_the_exporter(tmp_path: Path):
    """SIGKILL, and a new process that overlaps the old one: each line counts once."""
    lines = "digitalocean_app_log_lines_total"
    with redis_server() as url, simulator() as (platform, server):
        platform.create_app("shop", [ComponentSpec("web")])
        config = simulated(server.api_url, state={"url": url})
        with ExporterProcess(tmp_path, config, token=server.token) as exporter:
            exporter.wait_until_ready()
            platform.write("shop", "web", 0, "one\ntwo")
            exporter.wait_until(lambda samples: samples.total(lines) == 2)
            assert exporter.stop(signal.SIGKILL) == -signal.SIGKILL
        platform.write("shop", "web", 0, "three")
        with ExporterProcess(tmp_path, config, token=server.token) as old:
            old.wait_until(lambda samples: samples.total(lines) == 3)
            with ExporterProcess(tmp_path, config, token=server.token) as new:
                new.wait_until(lambda samples: samples.total(lines) == 3)
                platform.write("shop", "web", 0, "four")
                new.wait_until(lambda samples: samples.total(lines) == 4)
                down = "digitalocean_app_exporter_state_up"
                old.wait_until(lambda samples: samples.value(down) == 0)
                assert "another exporter has started on it" in old.output
                assert old.terminate() == 0
                samples = settled(new, platform)
                assert samples.total(lines) == 4
                assert_counts_are_true(samples, platform)


def test_a_database_that_is_not_there_ends_the_start(tmp_path: Path):
    """One line that names the database without its password, and exit code 1."""
    config = tmp_path / "config.yml"
    config.write_text(f"state: {{url: 'redis://:{PASSWORD}@127.0.0.1:1/3'}}\n")
    refused = run_command(
        f"--config.file={config}",
        "--web.listen-address=127.0.0.1:0",
        variables={"DIGITALOCEAN_TOKEN": "dop_v1_0"},
    )
    assert (refused.returncode, refused.stdout) == (1, "")
    (line,) = refused.stderr.splitlines()
    assert "state in 127.0.0.1:1/3 cannot be opened" in line
    assert PASSWORD not in line


def dump_and_go_back(url: str, between: Callable[[], None]) -> None:
    """Put the database back to what it holds now, once ``between`` has changed it."""
    with redis.Redis.from_url(url) as client:
        dump = {key: client.dump(key) for key in client.scan_iter()}
        between()
        client.flushall()
        for key, data in dump.items():
            client.restore(key, 0, data)


@pytest.mark.parametrize("emptied", [False, True], ids=["an older dump", "emptied"])
def test_what_a_database_that_went_back_has_lost_is_saved_anew(url: str, emptied: bool):
    """All of it, with the next commit, and nothing beside it; the metric tells how often."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    state = RedisState(url, clock)
    ledger = Ledger(metrics, state, clock)
    labels = ("shop", "web", "RUN")
    ledger.add(metrics.log_lines, labels, 1)
    ledger.keep("note", ("shop", "web"), "a", b"old")
    assert ledger.flush()

    def go_on() -> None:
        ledger.add(metrics.log_lines, labels, 49)
        ledger.discard("note", ("shop", "web"), "a")
        ledger.keep("note", ("shop", "web"), "b", b"new")
        assert ledger.flush()

    if emptied:
        go_on()
        with redis.Redis.from_url(url) as client:
            client.flushall()
    else:
        dump_and_go_back(url, go_on)
    ledger.add(metrics.log_lines, labels, 1)
    assert ledger.flush()
    ledger.add(metrics.log_lines, labels, 1)
    assert ledger.flush()
    rollbacks = "digitalocean_app_exporter_state_rollbacks_total"
    assert metrics.state_rollbacks.labels().value == 1, rollbacks
    again = RedisState(url, clock)
    saved = again.load()
    assert saved.values == {ValueKey("digitalocean_app_log_lines_total", labels): 52.0}
    assert saved.documents == {DocumentKey("note", ("shop", "web"), "b"): b"new"}
    assert saved.first_start == 1000.0
    again.close()
    state.close()


def test_a_database_that_went_back_to_an_earlier_exporter_stays_the_latest_ones(url: str):
    """The earlier one may live on: it is refused again, and the later one loses nothing."""
    first = RedisState(url, clock)
    first.save(Batch(values={LINES: 1.0}))
    second: list[RedisState] = []

    def take_over() -> None:
        second.append(RedisState(url, clock))
        second[0].save(Batch(values={LINES: 2.0}))

    dump_and_go_back(url, take_over)
    with pytest.raises(StateRolledBack, match="went back"):
        second[0].save(Batch(values={LINES: 3.0}))
    second[0].load()
    second[0].save(Batch(values={LINES: 3.0}))
    with pytest.raises(StateError, match="another exporter has started on it"):
        first.save(Batch(values={LINES: 9.0}))
    assert second[0].load().values == {LINES: 3.0}
    assert second[0].rollbacks == 1
    first.close()
    second[0].close()


def test_every_account_saves_anew_what_a_shared_database_has_lost(url: str):
    """Also one that has nothing new to save when another one meets the loss."""
    state = RedisState(url, clock)
    ledgers, metrics = [], []
    for name in ("eu", "us"):
        metrics.append(Metrics(CollectorRegistry()))
        ledgers.append(Ledger(metrics[-1], AccountState(state, name), clock))
        ledgers[-1].add(metrics[-1].log_lines, ("shop", "web", "RUN"), 7)
        assert ledgers[-1].flush()
    with redis.Redis.from_url(url) as client:
        client.flushall()
    ledgers[0].add(metrics[0].log_lines, ("shop", "web", "RUN"), 1)
    assert ledgers[0].flush()
    assert ledgers[1].flush()
    name = "digitalocean_app_log_lines_total"
    assert state.load().values == {
        ValueKey(name, ("eu/shop", "web", "RUN")): 8.0,
        ValueKey(name, ("us/shop", "web", "RUN")): 7.0,
    }
    assert [each.state_rollbacks.labels().value for each in metrics] == [1, 1]
    state.close()


def test_a_lost_answer_is_no_rollback(url: str, monkeypatch: pytest.MonkeyPatch):
    """A batch that was kept though its answer was lost is saved again, and nothing else."""
    state = RedisState(url, clock)
    execute = redis.client.Pipeline.execute

    def lose_the_answer(self: redis.client.Pipeline, *arguments: bool) -> object:
        execute(self, *arguments)
        raise redis.ConnectionError("reset")

    with monkeypatch.context() as patch:
        patch.setattr(redis.client.Pipeline, "execute", lose_the_answer)
        with pytest.raises(StateError):
            state.save(Batch(values={LINES: 1.0}))
    state.save(Batch(values={LINES: 1.0}))
    state.save(Batch(values={LINES: 2.0}))
    assert state.rollbacks == 0
    assert state.load().values == {LINES: 2.0}
    state.close()


def test_a_start_warns_of_a_database_that_may_evict(caplog: pytest.LogCaptureFixture):
    """And is silent where nothing of ours can be evicted."""
    for policy, warnings in (("allkeys-lru", 1), ("volatile-lru", 0), ("noeviction", 0)):
        caplog.clear()
        with redis_server("--maxmemory-policy", policy) as url:
            RedisState(url, clock).close()
        assert [record.levelname for record in caplog.records] == ["WARNING"] * warnings
