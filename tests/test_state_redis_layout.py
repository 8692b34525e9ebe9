"""What stands in a Redis, to the byte, and how that of the first version becomes it."""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
import redis
from programs import requires
from state_batches import LINES, NOTE, WEB, save_in_two_starts
from state_stores import RedisDatabase, clock, ready

from exporter.errors import StateError
from exporter.state.coordination import Claim
from exporter.state.redis import RedisStore
from exporter.state.redis_layout import TURN
from exporter.state.store import CursorKey, Saved, ValueKey

pytestmark = requires("redis-server")

OWNER = "do-app-exporter:owner"
HASHES = ("series", "cursors", "released", "documents")
FIRST_VERSION = {
    "meta": {"version": "1", "starts": "7", "first_start": "100.5", "saved_at": "200.5"},
    "series": {
        '["lines_total", ["shop", "web"], ""]': "1.0",
        '["lines_total", ["eu/shop", "web"], ""]': "2.0",
        '["lines_total", ["us/blog", "web"], ""]': "3.0",
    },
    "cursors": {
        '["shop", "web", "d1"]': TURN.pack(2) + b"one",
        '["eu/shop", "web", "d1"]': TURN.pack(1) + b"two",
        '["eu/shop", "web", "d2"]': TURN.pack(3) + b"three",
    },
    "released": {'["shop", "web", "d0"]': "11", '["eu/shop", "web", "d0"]': "12"},
    "documents": {'["note", ["shop"], "a"]': b"A", '["note", ["eu/shop"], "a"]': b"B"},
}
SPLIT = {
    "": Saved(
        100.5,
        200.5,
        {LINES: 1.0},
        {CursorKey(WEB, "d1"): b"one"},
        {CursorKey(WEB, "d0"): 11},
        {NOTE: b"A"},
    ),
    "eu": Saved(
        100.5,
        200.5,
        {LINES: 2.0},
        {CursorKey(WEB, "d1"): b"two", CursorKey(WEB, "d2"): b"three"},
        {CursorKey(WEB, "d0"): 12},
        {NOTE: b"B"},
    ),
    "us": Saved(100.5, 200.5, {ValueKey("lines_total", ("blog", "web")): 3.0}),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisDatabase]:
    with ready("redis", tmp_path_factory.mktemp("layout")) as database:
        yield database


@pytest.fixture
def url(server: RedisDatabase) -> str:
    server.clear()
    return server.url


def of_the_first_version(url: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.flushall()
        client.set(OWNER, "7:somebody")
        for name, fields in FIRST_VERSION.items():
            client.hset(f"do-app-exporter:{name}", mapping=fields)


def found(store: RedisStore) -> dict[str, Saved]:
    return {name: store.read(name) for name in store.namespaces()}


def test_each_account_of_the_first_version_becomes_a_namespace(url: str):
    """With all that it had, its times too, and with a claim that nobody holds."""
    of_the_first_version(url)
    store = RedisStore(url, clock)
    assert found(store) == SPLIT
    assert list(store.read("eu").cursors) == [CursorKey(WEB, "d1"), CursorKey(WEB, "d2")]
    shares = store.coordinate(5.0)
    assert shares.read().shares == dict.fromkeys(SPLIT, Claim(None, 8))
    shares.close()
    store.close()
    with redis.Redis.from_url(url) as client:
        assert client.get(OWNER) == b"8:"
        assert client.get("do-app-exporter:eu:owner") == b"8:"


def break_off_after(count: int, patch: pytest.MonkeyPatch) -> None:
    """Let so many messages reach the server, and none after them."""
    send = redis.Connection.send_packed_command
    left = iter(range(count))

    def send_or_fail(self: redis.Connection, *arguments: Any, **more: Any) -> object:
        if next(left, None) is None:
            raise redis.ConnectionError("reset")
        return send(self, *arguments, **more)

    patch.setattr(redis.Connection, "send_packed_command", send_or_fail)


@pytest.mark.found(
    "A start that was killed while it took over a Redis of the first version could lose when an "
    "account was first started.",
    how="tests of each module that notice a change in one place of it",
)
def test_a_takeover_of_the_first_version_may_break_anywhere(
    url: str, monkeypatch: pytest.MonkeyPatch
):
    """The next start does it, and an exporter of that version saves nothing that is then lost."""
    refused_to_the_former = 0
    for count in range(100):
        of_the_first_version(url)
        with monkeypatch.context() as patch, suppress(StateError):
            break_off_after(count, patch)
            RedisStore(url, clock).close()
        with redis.Redis.from_url(url) as client:
            split = client.hget("do-app-exporter:meta", "version") == b"2"
            refused_to_the_former += client.get(OWNER) != b"7:somebody" and not split
        store = RedisStore(url, clock)
        assert found(store) == SPLIT
        store.close()
        if split:
            break
    assert split
    assert refused_to_the_former > len(HASHES)  # before each of them was read, and after


@pytest.mark.parametrize("read_first", [True, False])
def test_what_stands_in_a_database_is_what_later_versions_read(url: str, read_first: bool):
    """Keys, fields and values are fixed; cursors have numbers that rise, also over a restart."""
    save_in_two_starts(lambda: RedisStore(url, clock), read_first=read_first)
    with redis.Redis.from_url(url) as client:
        names = client.keys()
        hashes = {key.decode(): client.hgetall(key) for key in names if not key.endswith(b":owner")}
        owner = client.get("do-app-exporter:eu:owner")
    assert owner is not None
    assert re.fullmatch(rb"2:[0-9a-f]{32}", owner)
    assert hashes == {
        "do-app-exporter:meta": {b"version": b"2"},
        "do-app-exporter:claims": {b"eu": owner},
        "do-app-exporter:eu:meta": {
            b"first_start": b"1000.0",
            b"saved_at": b"1000.0",
            b"batch": b"2",
        },
        "do-app-exporter:eu:series": {b'["lines_total", ["shop", "web"], ""]': b"1.5"},
        "do-app-exporter:eu:cursors": {
            b'["shop", "web", "d0a"]': b"\1\0\0\0\0\0\0\0one",
            b'["shop", "web", "d0b"]': b"\2\0\0\0\0\0\0\0one",
            b'["shop", "web", "d1a"]': b"\3\0\0\0\0\0\0\0one",
            b'["shop", "web", "d1b"]': b"\4\0\0\0\0\0\0\0one",
        },
        "do-app-exporter:eu:released": {b'["shop", "web", "d0"]': b"12"},
        "do-app-exporter:eu:documents": {b'["note", ["shop"], "a"]': b"A"},
    }


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("meta", "first_start", "soon"),
        ("meta", "saved_at", "soon"),
        ("meta", "batch", "many"),
        ("series", '["lines_total"]', "1.0"),
        ("series", '["lines_total", ["shop"], ""]', "many"),
        ("cursors", '["shop", "web", "d1"]', b"\1\0\0"),
        ("cursors", '["shop"]', TURN.pack(1)),
        ("released", '["shop", "web", "d1"]', "soon"),
        ("documents", "note", b"A"),
    ],
)
def test_a_namespace_that_holds_what_no_state_does_is_refused(
    url: str, name: str, field: str, value: str | bytes
):
    """Rather than counted from the beginning again; the others can be used."""
    store = RedisStore(url, clock)
    state = store.open("eu")
    state.load()
    with redis.Redis.from_url(url) as client:
        client.hset(f"do-app-exporter:eu:{name}", field, value)
    with pytest.raises(StateError, match=r"state in 127\.0\.0\.1:\d+/0 cannot be read: ."):
        state.load()
    assert store.open("us").load() == Saved(clock())
    store.close()
