"""Every durable store: namespaces apart, batches whole, over restarts."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from state_batches import BATCHES
from state_stores import DURABLE, Database, apply, clock, ready

from exporter.model import ComponentKey
from exporter.state.store import Batch, CursorKey, DocumentKey, Saved, Store, ValueKey

WEB = ComponentKey("shop", "web")
LINES = ValueKey("lines_total", ("shop", "web", "RUN"))
CURSOR = CursorKey(WEB, "d1")
NOTE = DocumentKey("note", WEB.parts)


@pytest.fixture(scope="module", params=DURABLE)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    with ready(request.param, tmp_path_factory.mktemp("stores")) as database:
        yield database


@pytest.fixture
def database(server: Database) -> Database:
    """A database with nothing in it."""
    server.clear()
    return server


@pytest.fixture
def store(database: Database) -> Iterator[Store]:
    store = database.open()
    yield store
    store.close()


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(st.tuples(st.sampled_from(["", "eu", "eu:1"]), BATCHES), max_size=6),
    restart_after=st.integers(0, 6),
)
def test_any_batches_leave_what_they_say(
    database: Database, batches: list[tuple[str, Batch]], restart_after: int
):
    """Each namespace holds what its own batches left, also over a restart in between."""
    database.clear()
    store = database.open()
    names = ["", "eu", "eu:1"]
    states = {name: store.open(name) for name in names}
    expected = {name: Saved(clock()) for name in names}
    for number, (name, batch) in enumerate(batches):
        if number == restart_after:
            store.close()
            store = database.open()
            states = {name: store.open(name) for name in names}
            for state in states.values():
                state.load()
        states[name].save(batch)
        expected[name] = apply(expected[name], batch)
    found = {name: state.load() for name, state in states.items()}
    store.close()
    assert found == expected
    for name, saved in found.items():
        assert list(saved.cursors) == list(expected[name].cursors)


def test_a_new_namespace_knows_only_when_it_was_begun(store: Store):
    """A first start finds nothing but its own time."""
    saved = store.open("").load()
    assert saved == Saved(first_start=1000.0)


def test_apps_of_one_name_are_apart(store: Store):
    """Two accounts with an app of the same name count, remember and drop each for itself."""
    first, second = store.open("one"), store.open("two")
    first.load()
    first.save(Batch(values={LINES: 1.0}, cursors={CURSOR: b"1"}, documents={NOTE: b"1"}))
    second.save(Batch(values={LINES: 2.0}, cursors={CURSOR: b"2"}))
    assert (first.load().values, second.load().values) == ({LINES: 1.0}, {LINES: 2.0})
    assert (first.load().documents, second.load().documents) == ({NOTE: b"1"}, {})
    first.save(Batch(dropped_values=frozenset({LINES}), dropped_components=frozenset({WEB})))
    assert (first.load().values, first.load().cursors) == ({}, {})
    assert (second.load().values, second.load().cursors) == ({LINES: 2.0}, {CURSOR: b"2"})


def test_a_namespace_whose_name_begins_anothers_is_apart(store: Store):
    """Nothing of ``one`` is found in ``on``, nor in the namespace without a name."""
    store.open("one").save(Batch(values={LINES: 6.0}, documents={NOTE: b"1"}))
    for name in ("on", "", "one:1"):
        assert store.open(name).load() == Saved(first_start=1000.0)


def test_cursors_come_back_in_the_order_in_which_they_were_used(database: Database):
    """The deployment that was read last stands last, whatever the database's own order."""
    store = database.open()
    state = store.open("")
    keys = [CursorKey(WEB, name) for name in "bcad"]
    for together in (keys[:2], keys[2:3], keys[3:]):
        state.save(Batch(cursors=dict.fromkeys(together, b"1")))
    store.close()
    store = database.open()
    again = store.open("")
    assert list(again.load().cursors) == keys
    again.save(Batch(cursors={keys[0]: b"2"}))
    assert list(again.load().cursors) == [*keys[1:], keys[0]]
    store.close()


def test_a_large_namespace_comes_back_whole(store: Store):
    """Thousands of entries, with keys of any length, are read piece by piece; none is missing."""
    state = store.open("eu")
    values = {ValueKey("lines_total", ("shop", "x" * n, "RUN")): float(n) for n in range(5000)}
    cursors = {CursorKey(WEB, f"d{n}"): bytes(n % 50) for n in range(3000)}
    state.save(Batch(values=values, cursors=cursors))
    saved = state.load()
    assert saved.values == values
    assert list(saved.cursors.items()) == list(cursors.items())
