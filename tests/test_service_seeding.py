"""A share that is new begins with what was kept of its account before."""

from collections.abc import Iterator

import pytest
from programs import requires
from redis_server import redis_server

from exporter.model import ComponentKey
from exporter.replicas.layout import Share
from exporter.service.seeding import seed
from exporter.state.redis import RedisStore
from exporter.state.store import Batch, CursorKey, DocumentKey, Saved, ValueKey

pytestmark = requires("redis-server")

LINES = "digitalocean_app_log_lines_total"


@pytest.fixture
def store() -> Iterator[RedisStore]:
    times = iter(range(1000, 100_000))
    with redis_server() as url:
        opened = RedisStore(url, lambda: float(next(times)))
        yield opened
        opened.close()


def batch(app: str, lines: float) -> Batch:
    cursor = CursorKey(ComponentKey(app, "web"), "d1")
    return Batch(
        values={ValueKey(LINES, (app, "web", "RUN")): lines},
        cursors={cursor: f"{app} {lines}".encode()},
        released={CursorKey(ComponentKey(app, "web"), "d0"): int(lines)},
        documents={DocumentKey("crash", (app, "web")): f"{lines}".encode()},
    )


def seeded(store: RedisStore, share: Share) -> Saved:
    coordination = store.coordinate(2.0)
    claim = coordination.claim(share.namespace, None, "me")
    coordination.close()
    assert claim is not None
    state = store.open_fenced(share.namespace, claim)
    seed(store, share, state)
    return state.load()


def lines(saved: Saved) -> dict[str, float]:
    return {key.labels[0]: value for key, value in saved.values.items()}


def test_a_share_begins_with_what_a_single_exporter_kept(store: RedisStore):
    """All of it: counts, positions and documents; of this account only."""
    store.open("shop").save(batch("blog", 7))
    store.open("other").save(batch("else", 3))
    saved = seeded(store, Share("shop", 1, 2))
    wanted = batch("blog", 7)
    assert saved.first_start == store.read("shop").first_start
    for part in ("values", "cursors", "released", "documents"):
        assert dict(getattr(saved, part)) == dict(getattr(wanted, part))


def test_another_number_of_shares_continues_what_counted_most(store: RedisStore):
    """Of an app that two shares hold, one has counted on, and the other has a copy."""
    store.open("").save(batch("blog", 1))
    for number, counted in ((0, {"blog": 9.0, "docs": 2.0}), (1, {"blog": 1.0, "docs": 5.0})):
        seeded(store, Share("", number, 2))
        coordination = store.coordinate(2.0)
        namespace = Share("", number, 2).namespace
        held = coordination.claim(namespace, coordination.read().shares[namespace], "me")
        assert held is not None
        state = store.open_fenced(namespace, held)
        state.load()
        for app, count in counted.items():
            state.save(batch(app, count))
        coordination.close()
    saved = seeded(store, Share("", 3, 4))
    assert lines(saved) == {"blog": 9, "docs": 5}
    assert saved.cursors[CursorKey(ComponentKey("docs", "web"), "d1")] == b"docs 5.0"


def test_a_share_that_was_saved_stays_as_it_is(store: RedisStore):
    """Filled once, it goes its own way."""
    share = Share("", 0, 1)
    store.open("").save(batch("blog", 1))
    seeded(store, share)
    store.open("").save(batch("late", 50))
    coordination = store.coordinate(2.0)
    held = coordination.claim(share.namespace, coordination.read().shares[share.namespace], "b")
    assert held is not None
    state = store.open_fenced(share.namespace, held)
    seed(store, share, state)
    assert lines(state.load()) == {"blog": 1}
    coordination.close()


def test_nothing_is_there_to_begin_with(store: RedisStore):
    """A new database: nothing is saved either, so nothing looks as if it had been."""
    assert seeded(store, Share("", 0, 1)).saved_at is None
