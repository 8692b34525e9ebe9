"""State in a real Redis: older layouts, whole programs, and what only this kind of store has."""

import json
import socket
import sqlite3
from base64 import b64decode
from collections.abc import Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

import pytest
import redis
from programs import requires
from redis_server import redis_server
from state_stores import RedisDatabase, ready
from waiting import LIMIT_SECONDS, wait_for

from exporter.commands.children import free_port
from exporter.errors import StateError, StateFenced, StateRolledBack
from exporter.state import redis_namespace
from exporter.state.redis import RedisStore
from exporter.state.redis_client import connect
from exporter.state.redis_coordination import RedisCoordination
from exporter.state.redis_layout import META, PREFIX, Keys, read_namespace
from exporter.state.redis_namespace import RedisState
from exporter.state.sqlite import SqliteStore
from exporter.state.store import Batch, DocumentKey, ValueKey

pytestmark = requires("redis-server")

LINES = ValueKey("lines_total", ("shop", "web", "RUN"))
DOCUMENT = DocumentKey("excerpt", ("shop", "web"))
PASSWORD = "hunter2-secret"
OWNER = f"{PREFIX}:owner"  # of a database of the first version

FIRST_VERSION = Path(__file__).parent / "testdata/state_redis_2026_11.json"
FIRST_FILE = Path(__file__).parent / "testdata/state_accounts_2026_11.sql"


def clock() -> float:
    return 1000.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisDatabase]:
    with ready("redis", tmp_path_factory.mktemp("redis")) as database:
        yield database


@pytest.fixture
def url(server: RedisDatabase) -> str:
    """A database with nothing in it."""
    server.clear()
    return server.url


def test_an_owner_that_comes_while_a_batch_is_sent_wins(url: str, monkeypatch: pytest.MonkeyPatch):
    """Between the look at the owner and the transaction nobody can slip in."""
    store = RedisStore(url, clock)
    first = store.open("")
    write = RedisState._write

    def overtaken(self: RedisState, pipeline: redis.client.Pipeline, *arguments: Any) -> None:
        overtake(url)
        write(self, pipeline, *arguments)

    monkeypatch.setattr(RedisState, "_write", overtaken)
    with pytest.raises(StateFenced, match="another exporter has started on it"):
        first.save(Batch(values={LINES: 2.0}))
    assert store.read("").values == {}
    store.close()


def overtake(url: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.set(Keys.of("").owner, b"99:another")


def test_what_was_read_while_another_exporter_took_over_is_not_used(
    url: str, monkeypatch: pytest.MonkeyPatch
):
    """It is read piece by piece, so it may be half of what was there and half of what is."""
    store = RedisStore(url, clock)
    state = store.open("")

    def overtaken(*arguments: Any) -> object:
        overtake(url)
        return read_namespace(*arguments)

    monkeypatch.setattr(redis_namespace, "read_namespace", overtaken)
    with pytest.raises(StateFenced, match="cannot be read: another exporter has started on it"):
        state.load()
    store.close()


def test_a_claim_that_comes_while_a_lost_one_is_recorded_again_stands(
    url: str, monkeypatch: pytest.MonkeyPatch
):
    """Between the look at a database that was emptied and the transaction nobody can slip in."""
    store = RedisStore(url, clock)
    state = store.open("")
    with redis.Redis.from_url(url) as client:
        client.flushall()
    record = redis_namespace.record_claim

    def overtaken(*arguments: Any) -> None:
        overtake(url)
        record(*arguments)

    monkeypatch.setattr(redis_namespace, "record_claim", overtaken)
    with pytest.raises(StateFenced, match="another exporter has started on it"):
        state.save(Batch(values={LINES: 1.0}))
    with redis.Redis.from_url(url) as client:
        assert client.get(Keys.of("").owner) == b"99:another"
    assert store.read("").values == {}
    store.close()


def test_a_newer_version_is_refused(url: str):
    """A state that a newer exporter wrote is left alone, and the message says what to do."""
    store = RedisStore(url, clock)
    store.open("")
    store.close()
    with redis.Redis.from_url(url) as client:
        client.hset(META, "version", 9)
        owner = client.get(Keys.of("").owner)
        with pytest.raises(StateError, match=r"it has version 9, .* use the newer exporter"):
            RedisStore(url, clock)
        assert client.get(Keys.of("").owner) == owner


def restore_first_version(url: str) -> None:
    """Fill a database with what an exporter of November 2026 left there."""
    dump = json.loads(FIRST_VERSION.read_text(encoding="utf-8"))
    with redis.Redis.from_url(url) as client:
        client.flushall()
        for key, data in dump.items():
            if isinstance(data, str):
                client.set(key, data)
            else:
                client.hset(key, mapping={k: b64decode(value) for k, value in data.items()})


def test_a_database_of_the_first_version_is_taken_over(url: str, tmp_path: Path):
    """Each account has what it had, which a file of the same time holds too."""
    restore_first_version(url)
    store = RedisStore(url, clock)
    with closing(sqlite3.connect(tmp_path / "state.db")) as file:
        file.executescript(FIRST_FILE.read_text(encoding="utf-8"))
    files = SqliteStore(tmp_path / "state.db", clock)
    for name in ("", "eu", "us"):
        found, expected = store.open(name).load(), files.open(name).load()
        assert len(found.values) > 5
        assert found == expected
        assert found.first_start == 1764300000.0
    with redis.Redis.from_url(url) as client:
        hashes = [key for key in client.scan_iter() if client.type(key) == b"hash"]
        assert not [key for key in hashes if b"/" in b"".join(client.hkeys(key))]
    store.close()
    files.close()


def test_an_exporter_of_the_first_version_saves_no_more_once_it_is_taken_over(url: str):
    """It compared the owner, which is a later one's from then on, and the version at its start."""
    restore_first_version(url)
    with redis.Redis.from_url(url) as client:
        start = int(client.get(OWNER).partition(b":")[0])
        store = RedisStore(url, clock)
        assert int(client.get(OWNER).partition(b":")[0]) > start
        assert client.hget(META, "version") == b"2"
        store.open("eu").load()
    store.close()


def test_what_was_taken_over_from_the_first_version_outlives_a_rollback_to_it(url: str):
    """A dump of that time comes back while the exporter lives: it is brought up to date again."""
    restore_first_version(url)
    store = RedisStore(url, clock)
    state = store.open("eu")
    before = state.load()
    state.save(Batch(values={LINES: 1.0}))
    restore_first_version(url)
    with pytest.raises(StateRolledBack):
        state.save(Batch(values={LINES: 2.0}))
    assert state.load().values == before.values
    state.save(Batch(values={LINES: 2.0}))
    assert store.read("eu").values == {**before.values, LINES: 2.0}
    store.close()


def test_no_message_holds_the_password():
    """A wrong password and a server that is not there are told by host and port."""
    with redis_server(password=PASSWORD) as url:
        with pytest.raises(StateError, match="its user or password is wrong") as wrong:
            RedisStore(url.replace(PASSWORD, "wrong-secret"), clock)
        RedisStore(url, clock).close()
    with pytest.raises(StateError, match=r"state in 127\.0\.0\.1:\d+/0 cannot be opened") as gone:
        RedisStore(url, clock)
    assert "secret" not in str(wrong.value)
    assert "secret" not in str(gone.value)


@pytest.mark.found(
    "A Redis Cluster was refused with `15512 127.0.0.1:29203` as the reason.",
    how="a start on every kind of Redis that cannot be used",
)
def test_a_database_that_cannot_keep_state_is_refused_in_words(tmp_path: Path):
    """A cluster, before and after it has its slots; a replica; one whose memory is full."""
    # What the servers say to each other has by default a port that a client may have just used.
    cluster = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    with redis_server(*cluster, "--dir", str(tmp_path)) as url:
        for slots in ((), (0, 100), (101, 16383)):
            if slots:
                with redis.Redis.from_url(url) as client:
                    client.execute_command("CLUSTER", "ADDSLOTSRANGE", *slots)
            with pytest.raises(StateError, match="it is part of a Redis Cluster"):
                state = RedisStore(url, clock).open("")
                state.load()
                state.save(Batch(values={LINES: 1.0}))
    for flags, words in (
        (("--replicaof", "127.0.0.1 1"), "it is a read-only replica"),
        (("--maxmemory", "1"), "its memory is full"),
    ):
        with redis_server(*flags) as url, pytest.raises(StateError, match=words):
            RedisStore(url, clock)


@pytest.mark.found(
    "The message about a Redis that could not write its dump held what was to be kept.",
    how="a Redis on a disk that was full",
)
def test_what_was_to_be_kept_stands_in_no_message(tmp_path: Path):
    """A server that cannot write its dumps takes no changes; the message says that alone."""
    with redis_server("--dir", str(tmp_path)) as url:
        (tmp_path / "dump.rdb").mkdir()  # so that no dump can be written
        store = RedisStore(url, clock)
        state = store.open("")
        state.save(Batch(documents={DOCUMENT: b"the last words of shop/web"}))
        with redis.Redis.from_url(url) as client:
            client.config_set("save", "3600 1")
            client.bgsave()
            wait_for(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err")
        with pytest.raises(StateError) as refused:
            state.save(Batch(documents={DOCUMENT: b"the last words of shop/web"}))
        store.close()
    assert str(refused.value).endswith(
        "cannot be written: it cannot write to its disk, and takes no changes until it can"
    )


def test_a_lost_answer_is_no_rollback(url: str, monkeypatch: pytest.MonkeyPatch):
    """A batch that was kept though its answer was lost is saved again, and nothing else."""
    store = RedisStore(url, clock)
    state = store.open("")
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
    store.close()


@pytest.mark.found(
    "The message about a connection that broke during a save said what the library watches for it.",
    how="each message between the exporter and Redis met each fault",
)
def test_a_connection_that_breaks_during_a_save_is_told_as_that(
    url: str, monkeypatch: pytest.MonkeyPatch
):
    """The save fails with a reason that needs no knowledge of the library, the next one works."""
    store = RedisStore(url, clock)
    state = store.open("")
    write = RedisState._write

    def lose_the_connection(self: RedisState, *arguments: Any) -> None:
        with redis.Redis.from_url(url) as client:
            client.client_kill_filter(_type="normal", skipme=True)
        write(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(RedisState, "_write", lose_the_connection)
        with pytest.raises(StateError, match=r"written: the connection broke, or an earlier save"):
            state.save(Batch(values={LINES: 1.0}))
    assert store.read("").values == {}
    state.save(Batch(values={LINES: 1.0}))
    assert store.read("").values == {LINES: 1.0}
    store.close()


def test_a_store_that_is_closed_has_no_connection(url: str):
    """Nor has coordination; a managed database limits how many there are."""
    store = RedisStore(url, clock)
    shares = store.coordinate(LIMIT_SECONDS)
    shares.beat("a", 1)
    store.open("")
    with redis.Redis.from_url(url) as client:
        assert len(client.client_list()) == 3
        shares.close()
        wait_for(lambda: len(client.client_list()) == 2)
        store.close()
        wait_for(lambda: len(client.client_list()) == 1)


def test_a_server_that_is_silent_is_not_asked_again():
    """A call fails once its answer is late, so that whoever waits for it can decide."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = connect(f"redis://127.0.0.1:{silent.getsockname()[1]}/0", 0.5)
        shares = RedisCoordination(client, lambda verb: nullcontext())
        with pytest.raises(redis.TimeoutError):
            shares.beat("a", 1)
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()
        shares.close()


@pytest.mark.parametrize(
    ("flags", "policies"),
    [
        (["--maxmemory-policy", "allkeys-lru"], ["allkeys-lru"]),
        (["--maxmemory-policy", "volatile-lru"], []),
        (["--maxmemory-policy", "noeviction"], []),
        (["--rename-command", "INFO", ""], []),
    ],
)
def test_a_start_warns_of_a_database_that_may_evict(
    flags: list[str], policies: list[str], caplog: pytest.LogCaptureFixture
):
    """And is silent where nothing of ours can be evicted, or where the database does not tell."""
    with redis_server(*flags) as url:
        store = RedisStore(url, clock)
        store.close()
    assert [record.__dict__["fields"] for record in caplog.records] == [
        {"database": store.database, "policy": policy} for policy in policies
    ]
    assert {record.levelname for record in caplog.records} <= {"WARNING"}
