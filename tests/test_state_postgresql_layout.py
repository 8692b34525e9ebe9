"""What stands in a PostgreSQL, to the byte, and what is refused there."""

import errno
from collections.abc import Iterator
from hashlib import blake2b

import psycopg
import pytest
from programs import requires
from state_batches import LINES, NOTE, WEB, save_in_two_starts
from state_stores import PostgresqlDatabase, clock, ready
from waiting import LIMIT_SECONDS, wait_for

from exporter.errors import StateError, StateFenced, StateRolledBack
from exporter.state import postgresql_schema
from exporter.state.postgresql import PostgresqlStore
from exporter.state.postgresql_client import APPLICATION_NAME, Transaction
from exporter.state.postgresql_namespace import PostgresqlState
from exporter.state.store import Batch, CursorKey, Saved

pytestmark = requires("pg_lsclusters")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresqlDatabase]:
    with ready("postgresql", tmp_path_factory.mktemp("layout")) as database:
        yield database


@pytest.fixture
def database(server: PostgresqlDatabase) -> PostgresqlDatabase:
    server.clear()
    return server


def keyed(text: str) -> tuple[bytes, str]:
    """A hash of a key, and the key."""
    return blake2b(text.encode(), digest_size=16).digest(), text


@pytest.mark.parametrize("read_first", [True, False])
def test_what_stands_in_the_tables_is_what_later_versions_read(
    database: PostgresqlDatabase, read_first: bool
):
    """Each row is fixed; cursors have numbers that rise, also over a restart."""
    save_in_two_starts(database.open, read_first=read_first)
    tables = {table.removeprefix("do_app_exporter_"): rows for table, rows in database.dump()}
    ((*_, owner, epoch, batch, first_start, saved_at),) = tables.pop("namespaces")
    assert len(owner) == 32
    assert (epoch, batch, first_start, saved_at) == (2, 2, 1000.0, 1000.0)
    web = '["shop", "web"]'
    assert tables == {
        "meta": [(1,)],
        "members": [],
        "series": [("eu", *keyed('["lines_total", ["shop", "web"], ""]'), 1.5)],
        "cursors": [
            ("eu", *keyed(f'["shop", "web", "{name}"]'), web, turn, b"one")
            for turn, name in enumerate(("d0a", "d0b", "d1a", "d1b"), 1)
        ],
        "released": [("eu", *keyed('["shop", "web", "d0"]'), web, 12)],
        "documents": [("eu", *keyed('["note", ["shop"], "a"]'), b"A")],
    }


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE do_app_exporter_series SET key = '[]'",
        "UPDATE do_app_exporter_cursors SET key = 'web'",
        "UPDATE do_app_exporter_released SET key = '[1]'",
        "UPDATE do_app_exporter_documents SET key = '{}'",
        "UPDATE do_app_exporter_documents SET key = '5'",
    ],
)
def test_a_namespace_that_holds_what_no_state_does_is_refused(
    database: PostgresqlDatabase, statement: str
):
    """Rather than counted from the beginning again."""
    store = database.open()
    state = store.open("eu")
    place = CursorKey(WEB, "d1")
    state.save(Batch({LINES: 1.0}, {place: b""}, {CursorKey(WEB, "d0"): 1}, {NOTE: b"A"}))
    with psycopg.connect(database.url) as connection:
        connection.execute(statement)
    with pytest.raises(StateError, match=r"state in 127\.0\.0\.1:\d+/postgres cannot be read: ."):
        state.load()
    assert store.open("us").load() == Saved(clock())
    store.close()


def test_a_store_that_is_closed_has_no_connection(database: PostgresqlDatabase):
    """Nor has coordination; a managed database limits how many there are."""
    store = database.open()
    shares = store.coordinate(LIMIT_SECONDS)
    shares.beat("a", 1)
    with psycopg.connect(database.url, autocommit=True) as connection:

        def connected() -> int:
            query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s"
            ((number,),) = connection.execute(query, (APPLICATION_NAME,)).fetchall()
            return int(number)

        assert connected() == 2
        shares.close()
        wait_for(lambda: connected() == 1)
        store.close()
        wait_for(lambda: connected() == 0)


def test_what_another_exporter_takes_over_right_before_it_is_read_is_not_used(
    database: PostgresqlDatabase, monkeypatch: pytest.MonkeyPatch
):
    """It is the other one's to continue from then on."""
    store, other = database.open(), database.open()
    state = store.open("eu")
    reassert = PostgresqlState._reassert

    def overtaken(self: PostgresqlState, verb: str) -> None:
        reassert(self, verb)
        other.open("eu")

    monkeypatch.setattr(PostgresqlState, "_reassert", overtaken)
    with pytest.raises(StateFenced, match="cannot be read: another exporter has started on it"):
        state.load()
    store.close()
    other.close()


@pytest.mark.parametrize("tables", [True, False])
def test_a_database_without_the_namespace_says_that_nothing_is_left(
    database: PostgresqlDatabase, tables: bool
):
    """With the tables or without them; what was saved is told beside it."""
    store = database.open()
    state = store.open("eu")
    for _ in range(2):
        state.save(Batch({LINES: 1.0}))
    if tables:
        with psycopg.connect(database.url) as connection:
            connection.execute("DELETE FROM do_app_exporter_namespaces")
    else:
        database.clear()
    words = "batch 0 of epoch 0 is the latest in it, 2 of epoch 1 was saved"
    with pytest.raises(StateRolledBack, match=words):
        state.save(Batch({LINES: 2.0}))
    store.close()


def test_tables_that_another_exporter_made_meanwhile_are_used(
    database: PostgresqlDatabase, monkeypatch: pytest.MonkeyPatch
):
    """Both start on an empty database, and one version stands there."""
    look = postgresql_schema._version

    def overtaken(transaction: Transaction) -> int:
        version = look(transaction)
        monkeypatch.undo()
        database.open().close()
        return version

    monkeypatch.setattr(postgresql_schema, "_version", overtaken)
    database.open().close()
    assert dict(database.dump())["do_app_exporter_meta"] == [(1,)]


def test_a_process_without_a_file_descriptor_left_says_so(monkeypatch: pytest.MonkeyPatch):
    """As an error of the state, which is tried again later."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(psycopg, "connect", refuse)
    with pytest.raises(StateError, match=r"state in host/counts cannot be opened: .*Too many open"):
        PostgresqlStore("postgresql://host/counts", clock)
