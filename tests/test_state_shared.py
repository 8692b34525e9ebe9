"""Stores that several exporters share: one owner a namespace, and a database that went back."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from state_stores import POOLED, SHARED, SharedDatabase, clock, ready, running

from exporter.counting.ledger import CHECK_SECONDS, Ledger
from exporter.errors import StateError, StateFenced, StateRolledBack
from exporter.model import ComponentKey
from exporter.state.coordination import Claim, Coordination, SharedStore
from exporter.state.store import Batch, CursorKey, DocumentKey, Saved, ValueKey
from exporter.telemetry.metrics import Metrics

LINES = ValueKey("lines_total", ("shop", "web", "RUN"))
CURSOR = CursorKey(ComponentKey("shop", "web"), "d1")
SHARE = "eu#0/2"


@pytest.fixture(scope="module", params=[*SHARED, *POOLED])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SharedDatabase]:
    with ready(request.param, tmp_path_factory.mktemp("shared")) as database:
        yield database


@pytest.fixture
def database(server: SharedDatabase) -> SharedDatabase:
    """A database with nothing in it."""
    server.clear()
    return server


@pytest.fixture
def stores(database: SharedDatabase) -> Iterator[tuple[SharedStore, SharedStore]]:
    """The same database as two exporters have it open."""
    first, second = database.open(), database.open()
    yield first, second
    first.close()
    second.close()


@pytest.fixture
def shares(stores: tuple[SharedStore, SharedStore]) -> Iterator[Coordination]:
    coordination = stores[0].coordinate(5.0)
    yield coordination
    coordination.close()


def claimed(shares: Coordination, expected: Claim | None, owner: str) -> Claim:
    claim = shares.claim(SHARE, expected, owner)
    assert claim is not None
    return claim


def test_the_exporter_that_started_last_owns_the_state(stores):
    """What an earlier one still saves is refused, and nothing of it is kept."""
    first = stores[0].open("")
    first.save(Batch(values={LINES: 1.0}))
    second = stores[1].open("")
    assert second.load().values == {LINES: 1.0}
    with pytest.raises(StateFenced, match="another exporter has started on it"):
        first.save(Batch(values={LINES: 2.0}))
    with pytest.raises(StateFenced, match="another exporter has started on it"):
        first.load()
    second.save(Batch(values={LINES: 3.0}))
    assert second.load().values == {LINES: 3.0}
    assert first.rollbacks == second.rollbacks == 0


def test_each_namespace_has_an_owner_of_its_own(stores):
    """Who opens one takes nothing else away."""
    one, two = stores[0].open("one"), stores[0].open("two")
    stores[1].open("two")
    one.save(Batch(values={LINES: 1.0}))
    with pytest.raises(StateFenced):
        two.save(Batch(values={LINES: 1.0}))


def test_a_claim_that_is_overtaken_saves_no_more(stores, shares):
    """The new owner goes on from what was saved; of the former one's batch nothing is kept."""
    held = claimed(shares, None, "a")
    assert held == Claim("a", 1)
    former = stores[0].open_fenced(SHARE, held)
    former.load()
    former.save(Batch(values={LINES: 1.0}, cursors={CURSOR: b"1"}))
    later = claimed(shares, held, "b")
    assert later == Claim("b", 2)
    with pytest.raises(StateFenced, match="another exporter has taken it over"):
        former.save(Batch(values={LINES: 9.0}, dropped_components=frozenset({CURSOR.component})))
    state = stores[1].open_fenced(SHARE, later)
    saved = state.load()
    assert (saved.values, saved.cursors) == ({LINES: 1.0}, {CURSOR: b"1"})
    state.save(Batch(values={LINES: 2.0}))
    with pytest.raises(StateFenced, match="another exporter has taken it over"):
        former.load()
    assert state.load().values == {LINES: 2.0}


def test_a_released_share_is_nobodys(stores, shares):
    """Who gave it up saves no more; who claims it next has a later epoch."""
    held = claimed(shares, None, "a")
    state = stores[0].open_fenced(SHARE, held)
    state.save(Batch(values={LINES: 1.0}))
    assert shares.release(SHARE, held)
    assert not shares.release(SHARE, held)
    with pytest.raises(StateFenced):
        state.save(Batch(values={LINES: 2.0}))
    assert shares.read().shares == {SHARE: Claim(None, 1)}
    assert claimed(shares, Claim(None, 1), "a") == Claim("a", 2)
    with pytest.raises(StateFenced):
        state.save(Batch(values={LINES: 2.0}))


def test_a_claim_is_made_only_on_what_was_expected(shares):
    """Of several that expect the same, one gets it."""
    assert shares.claim(SHARE, Claim("a", 1), "b") is None
    first = claimed(shares, None, "a")
    assert shares.claim(SHARE, None, "b") is None
    assert shares.claim(SHARE, Claim("z", 1), "b") is None
    assert shares.claim(SHARE, Claim("a", 2), "b") is None
    assert shares.read().shares == {SHARE: first}


def test_of_claims_at_the_same_time_one_is_made(database: SharedDatabase, stores):
    """Whoever else claimed, too, is told so."""
    replicas = [store.coordinate(10.0) for store in stores for _ in range(3)]
    claims: list[Claim] = []
    barrier = threading.Barrier(len(replicas))

    def compete(number: int) -> None:
        expected = None
        for _ in range(5):
            barrier.wait()
            claim = replicas[number].claim(SHARE, expected, f"replica-{number}")
            if claim is not None:
                claims.append(claim)
            barrier.wait()
            expected = replicas[number].read().shares[SHARE]

    threads = [threading.Thread(target=compete, args=(n,)) for n in range(len(replicas))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [claim.epoch for claim in claims] == [1, 2, 3, 4, 5]
    assert replicas[0].read().shares == {SHARE: claims[-1]}
    for replica in replicas:
        replica.close()


def test_members_are_known_by_their_counters(shares):
    """A beat shows everybody's; a member is forgotten only if it has not moved meanwhile."""
    assert shares.beat("a", 1).members == {"a": 1}
    assert shares.beat("b", 7).members == {"a": 1, "b": 7}
    assert shares.beat("a", 2).members == {"a": 2, "b": 7}
    assert not shares.forget("a", 1)
    assert not shares.forget("c", 1)
    assert shares.forget("b", 7)
    view = shares.read()
    assert (view.members, view.shares) == ({"a": 2}, {})


def test_saves_go_on_while_other_shares_change_hands(stores, shares):
    """A claim of another namespace in the middle of a save refuses nothing."""
    state = stores[0].open_fenced(SHARE, claimed(shares, None, "a"))
    stop = threading.Event()

    def claim_others() -> None:
        claim = None
        while not stop.is_set():
            claim = shares.claim("other", claim, "b")

    claiming = threading.Thread(target=claim_others)
    claiming.start()
    for number in range(100):
        state.save(Batch(values={LINES: float(number)}))
    stop.set()
    claiming.join()
    assert state.load().values == {LINES: 99.0}
    assert state.rollbacks == 0


def test_a_namespace_is_read_without_owning_it(stores):
    """Its owner goes on, and one that nobody has opened is empty."""
    owner = stores[0].open("eu")
    owner.save(Batch(values={LINES: 1.0}))
    assert stores[1].read("eu").values == {LINES: 1.0}
    assert stores[1].read("us").values == {}
    assert set(stores[1].namespaces()) == {"eu"}
    owner.save(Batch(values={LINES: 2.0}))


@pytest.mark.parametrize("emptied", [False, True], ids=["an older dump", "emptied"])
def test_what_a_database_that_went_back_has_lost_is_saved_anew(
    database: SharedDatabase, stores, emptied: bool
):
    """All of it, with the next commit, and nothing beside it; the metric tells how often."""
    metrics = Metrics(CollectorRegistry())
    state = stores[0].open("")
    ledger = Ledger(metrics, state, clock)
    labels = ("shop", "web", "RUN")
    ledger.add(metrics.log_lines, labels, 1)
    ledger.documents.keep("note", ("shop", "web"), "a", b"old")
    assert ledger.flush()

    def go_on() -> None:
        ledger.add(metrics.log_lines, labels, 49)
        ledger.documents.discard("note", ("shop", "web"), "a")
        ledger.documents.keep("note", ("shop", "web"), "b", b"new")
        assert ledger.flush()

    dump = database.dump()
    go_on()
    if emptied:
        database.clear()
    else:
        database.go_back(dump)
    ledger.add(metrics.log_lines, labels, 1)
    assert ledger.flush()
    ledger.add(metrics.log_lines, labels, 1)
    assert ledger.flush()
    assert metrics.state_rollbacks.labels().value == 1
    saved = stores[1].open("").load()
    assert saved.values == {ValueKey("digitalocean_app_log_lines_total", labels): 52.0}
    assert saved.documents == {DocumentKey("note", ("shop", "web"), "b"): b"new"}
    assert saved.first_start == 1000.0


def test_an_exporter_with_nothing_to_save_notices_a_rollback_too(database: SharedDatabase, stores):
    """Components may be quiet for hours, and what they counted before must not be lost."""
    now = [1000.0]
    metrics = Metrics(CollectorRegistry())
    ledger = Ledger(metrics, stores[0].open(""), lambda: now[0])
    dump = database.dump()
    labels = ("shop", "web", "RUN")
    ledger.add(metrics.log_lines, labels, 50)
    assert ledger.flush()
    database.go_back(dump)
    assert ledger.flush()
    assert metrics.state_rollbacks.labels().value == 0
    now[0] += CHECK_SECONDS
    assert ledger.flush()
    assert metrics.state_rollbacks.labels().value == 1
    key = ValueKey("digitalocean_app_log_lines_total", labels)
    assert stores[1].read("").values == {key: 50.0}


def test_when_the_exporter_first_started_outlives_a_database_that_was_emptied(
    database: SharedDatabase,
):
    """What it read when it started is what it saves anew, days later."""
    now = [1000.0]
    store = database.open(lambda: now[0])
    state = store.open("")
    state.load()
    for _ in range(2):
        now[0] += 86400.0
        database.clear()
        with pytest.raises(StateRolledBack, match="went back"):
            state.save(Batch(values={LINES: 1.0}))
        assert state.load() == Saved(1000.0)
        state.save(Batch(values={LINES: 2.0}))
        assert store.read("") == Saved(1000.0, now[0], {LINES: 2.0})
    store.close()


def test_a_database_that_went_back_to_an_earlier_exporter_stays_the_latest_ones(
    database: SharedDatabase, stores
):
    """The earlier one may live on: it is refused again, and the later one loses nothing."""
    first = stores[0].open("")
    first.save(Batch(values={LINES: 1.0}))
    dump = database.dump()
    second = stores[1].open("")
    second.load()
    second.save(Batch(values={LINES: 2.0}))
    database.go_back(dump)
    with pytest.raises(StateRolledBack, match="went back"):
        second.save(Batch(values={LINES: 3.0}))
    second.load()
    second.save(Batch(values={LINES: 3.0}))
    with pytest.raises(StateFenced, match="another exporter has started on it"):
        first.save(Batch(values={LINES: 9.0}))
    assert second.load().values == {LINES: 3.0}
    assert (first.rollbacks, second.rollbacks) == (0, 1)


def test_a_share_of_a_database_that_went_back_stays_its_latest_owners(
    database: SharedDatabase, stores, shares
):
    """Its claim is recorded again, by a save or by the owner itself; the former owner is fenced."""
    held = claimed(shares, None, "a")
    former = stores[0].open_fenced(SHARE, held)
    former.save(Batch(values={LINES: 1.0}))
    dump = database.dump()
    later = claimed(shares, held, "b")
    database.go_back(dump)
    assert shares.read().shares == {SHARE: held}
    assert shares.reassert(SHARE, later)
    assert shares.read().shares == {SHARE: Claim("b", 2)}
    assert not shares.reassert(SHARE, held)
    assert not shares.reassert(SHARE, Claim("c", 2))
    with pytest.raises(StateFenced):
        former.save(Batch(values={LINES: 9.0}))
    database.clear()
    state = stores[1].open_fenced(SHARE, later)
    with pytest.raises(StateRolledBack):
        state.save(Batch(values={LINES: 2.0}))
    assert shares.read().shares == {SHARE: Claim("b", 2)}


def test_every_account_saves_anew_what_a_shared_database_has_lost(database: SharedDatabase, stores):
    """Also one that has nothing new to save when another one meets the loss."""
    ledgers, metrics = [], []
    for name in ("eu", "us"):
        metrics.append(Metrics(CollectorRegistry()))
        ledgers.append(Ledger(metrics[-1], stores[0].open(name), clock))
        ledgers[-1].add(metrics[-1].log_lines, ("shop", "web", "RUN"), 7)
        assert ledgers[-1].flush()
    database.clear()
    ledgers[0].add(metrics[0].log_lines, ("shop", "web", "RUN"), 1)
    assert ledgers[0].flush()
    assert ledgers[1].flush()
    key = ValueKey("digitalocean_app_log_lines_total", ("shop", "web", "RUN"))
    assert stores[1].read("eu").values == {key: 8.0}
    assert stores[1].read("us").values == {key: 7.0}
    assert [each.state_rollbacks.labels().value for each in metrics] == [1, 1]


def test_two_accounts_that_meet_a_loss_at_the_same_time_count_it_once_each(
    database: SharedDatabase, stores
):
    """What one account has reported is no second rollback for the other."""
    one, two = stores[0].open("one"), stores[0].open("two")
    for state in (one, two):
        state.load()
        state.save(Batch(values={LINES: 1.0}))
    database.clear()
    for state in (one, two):
        with pytest.raises(StateRolledBack):
            state.save(Batch(values={LINES: 2.0}))
    assert stores[0].open("three").rollbacks == 1


@pytest.mark.parametrize("kind", SHARED)
def test_a_store_that_is_gone_is_an_error_of_every_call(kind: str, tmp_path: Path):
    """Nothing but StateError comes out, and it names the database."""
    with running(kind, tmp_path) as database:
        store = database.open()
        state, shares = store.open(""), store.coordinate(2.0)
        shares.beat("a", 1)
    held = Claim("a", 1)
    for call in (
        lambda: state.save(Batch(values={LINES: 1.0})),
        state.load,
        lambda: store.open("other"),
        lambda: store.read("other"),
        store.namespaces,
        shares.read,
        lambda: shares.beat("a", 1),
        lambda: shares.claim(SHARE, None, "a"),
        lambda: shares.release(SHARE, held),
        lambda: shares.reassert(SHARE, held),
        lambda: shares.forget("a", 1),
    ):
        with pytest.raises(StateError, match=r"state in 127\.0\.0\.1") as caught:
            call()
        assert type(caught.value) is StateError
    shares.close()
    store.close()
