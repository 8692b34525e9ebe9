"""State in a real PostgreSQL: what only this kind of store has to stand."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
import trustme
from postgresql_server import PASSWORD, USER, PostgresqlServer, postgresql_server
from programs import requires
from server_urls import url_of
from state_stores import PostgresqlDatabase, clock
from waiting import LIMIT_SECONDS

from exporter.errors import StateError, StateRolledBack
from exporter.state import postgresql, postgresql_namespace
from exporter.state.coordination import Claim
from exporter.state.postgresql import PostgresqlStore
from exporter.state.postgresql_client import Connections, Transaction, explain
from exporter.state.postgresql_namespace import PostgresqlState
from exporter.state.postgresql_schema import META
from exporter.state.store import Batch, ValueKey

pytestmark = requires("pg_lsclusters")

LINES = ValueKey("lines_total", ("shop", "web", "RUN"))
SHARE = "eu#0/2"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresqlServer]:
    with postgresql_server() as server:
        yield server


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    """A database with nothing in it."""
    url = url_of("postgresql")
    # A test that stops the server needs the one that this module has started.
    if url is None or "server" in request.fixturenames:
        url = request.getfixturevalue("server").url
    PostgresqlDatabase(url).clear()
    return url


def run(url: str, *statements: str) -> None:
    with psycopg.connect(url) as connection:
        for statement in statements:
            connection.execute(statement)


def test_no_message_holds_the_password(url: str):
    """What is wrong is said in words, and the database named by host, port and name."""
    run(url, "DROP ROLE IF EXISTS reader", f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD}'")
    cases = {
        url.replace(PASSWORD, "wrong-secret"): "its user or password is wrong",
        url.replace(USER, "nobody"): "its user or password is wrong",
        url.replace("/postgres", "/counts"): "there is no such database",
        url.replace(USER, "reader"): "its user may not create tables there",
        url + "?no_such_parameter=hunter2-secret": "no_such_parameter",
        f"postgresql://me:{PASSWORD}@127.0.0.1:1/counts": "refused",
        f"postgresql://me:{PASSWORD}@host.invalid/counts": "host",
    }
    for faulty, words in cases.items():
        with pytest.raises(StateError, match=words) as caught:
            PostgresqlStore(faulty, clock)
        message = str(caught.value)
        assert message.startswith("state in ")
        assert "cannot be opened: " in message
        assert "secret" not in message
    assert PASSWORD not in explain(ValueError(f"wrong: {url}"), url)


def test_a_user_without_the_right_to_create_uses_the_tables_that_are_there(url: str):
    """An administrator can make them first; what the user may not do is said."""
    PostgresqlStore(url, clock).close()
    run(url, "DROP ROLE IF EXISTS writer", f"CREATE ROLE writer LOGIN PASSWORD '{PASSWORD}'")
    own = url.replace(USER, "writer")
    with pytest.raises(StateError, match="its user may not create tables there, or not use those"):
        PostgresqlStore(own, clock)
    grant = "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public"
    run(url, f"GRANT {grant} TO writer")
    store = PostgresqlStore(own, clock)
    state = store.open("")
    state.load()
    state.save(Batch(values={LINES: 1.0}))
    assert state.load().values == {LINES: 1.0}
    store.close()
    run(url, f"REVOKE {grant} FROM writer", "DROP ROLE writer")


def test_a_newer_version_is_refused(url: str):
    """A state that a newer exporter wrote is left alone, and the message says what to do."""
    PostgresqlStore(url, clock).close()
    run(url, f"UPDATE {META} SET version = 9")
    with pytest.raises(StateError, match=r"it has version 9, .* use the newer exporter"):
        PostgresqlStore(url, clock)


def test_exporters_that_start_at_once_on_an_empty_database_all_start(url: str):
    """One makes the tables, the others wait for it."""
    stores: list[PostgresqlStore] = []
    threads = [
        threading.Thread(target=lambda: stores.append(PostgresqlStore(url, clock)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(stores) == 4
    stores[0].open("").save(Batch(values={LINES: 1.0}))
    assert stores[3].read("").values == {LINES: 1.0}
    for store in stores:
        store.close()


def test_a_server_that_restarts_is_used_again(server: PostgresqlServer, url: str):
    """The connections that broke are replaced; no save fails for them."""
    store = PostgresqlStore(url, clock)
    state, shares = store.open(""), store.coordinate(5.0)
    shares.beat("a", 1)
    state.save(Batch(values={LINES: 1.0}))
    server.stop()
    with pytest.raises(StateError, match="cannot be written"):
        state.save(Batch(values={LINES: 2.0}))
    server.start()
    state.save(Batch(values={LINES: 2.0}))
    server.stop()
    server.start()
    state.save(Batch(values={LINES: 3.0}))
    assert shares.read().members == {"a": 1}
    assert state.load().values == {LINES: 3.0}
    assert state.rollbacks == 0
    shares.close()
    store.close()


def test_the_connection_is_encrypted_where_the_url_says_so(server: PostgresqlServer, url: str):
    """A certificate of the authority that it names is taken, that of another one is refused."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        authority, other = trustme.CA(), trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        certificate.private_key_pem.write_to_path(folder / "key")
        certificate.cert_chain_pems[0].write_to_path(folder / "certificate")
        server.own(folder / "key")
        server.own(folder / "certificate")
        for number, each in enumerate((authority, other)):
            each.cert_pem.write_to_path(folder / f"authority{number}")
        server.stop()
        server.start(ssl="on", ssl_cert_file=f"{folder}/certificate", ssl_key_file=f"{folder}/key")
        wanted = f"{url}?sslmode=verify-full&sslrootcert={folder}"
        store = PostgresqlStore(f"{wanted}/authority0", clock)
        state = store.open("")
        state.save(Batch(values={LINES: 1.0}))
        assert state.load().values == {LINES: 1.0}
        store.close()
        with pytest.raises(StateError, match="certificate verify failed") as caught:
            PostgresqlStore(f"{wanted}/authority1", clock)
        assert PASSWORD not in str(caught.value)
        server.stop()
        server.start()
        with pytest.raises(StateError, match="server does not support SSL"):
            PostgresqlStore(f"{wanted}/authority0", clock)


def test_a_server_that_is_silent_ends_in_an_error(
    server: PostgresqlServer, url: str, monkeypatch: pytest.MonkeyPatch
):
    """It was stopped, or the network cut: the wait ends, and later all goes on."""
    monkeypatch.setattr(postgresql, "TIMEOUT_SECONDS", 2.0)
    store = PostgresqlStore(url, clock)
    state, shares = store.open(""), store.coordinate(1.0)
    state.save(Batch(values={LINES: 1.0}))
    shares.beat("a", 1)
    children = server.children()
    for process in children:
        os.kill(process, signal.SIGSTOP)
    try:
        with pytest.raises(StateError, match="no answer in time"):
            state.save(Batch(values={LINES: 2.0}))
        with pytest.raises(StateError, match="no answer in time"):
            shares.beat("a", 2)
    finally:
        for process in children:
            os.kill(process, signal.SIGCONT)
    state.save(Batch(values={LINES: 2.0}))
    assert shares.beat("a", 3).members == {"a": 3}
    assert state.load().values == {LINES: 2.0}
    shares.close()
    store.close()


def test_a_save_that_froze_in_the_middle_holds_up_a_claim_for_seconds_only(
    url: str, monkeypatch: pytest.MonkeyPatch
):
    """The server ends its transaction; nothing of it is kept, and the new owner goes on."""
    store = PostgresqlStore(url, clock)
    shares = store.coordinate(30.0)
    held = shares.claim(SHARE, None, "a")
    assert held is not None
    frozen = store.open_fenced(SHARE, held)
    frozen.save(Batch(values={LINES: 1.0}))
    monkeypatch.setattr(postgresql_namespace, "FROZEN_SECONDS", 1)
    reached, go_on = threading.Event(), threading.Event()
    drop = PostgresqlState._drop

    def freeze(self: PostgresqlState, transaction: Transaction, batch: Batch) -> None:
        reached.set()
        assert go_on.wait(LIMIT_SECONDS)
        drop(self, transaction, batch)

    monkeypatch.setattr(PostgresqlState, "_drop", freeze)
    problems: list[StateError] = []

    def save() -> None:
        try:
            frozen.save(Batch(values={LINES: 9.0}))
        except StateError as problem:
            problems.append(problem)

    saving = threading.Thread(target=save)
    saving.start()
    assert reached.wait(LIMIT_SECONDS)
    later = shares.claim(SHARE, held, "b")
    assert later == Claim("b", 2)
    go_on.set()
    saving.join()
    monkeypatch.undo()
    assert len(problems) == 1
    assert store.open_fenced(SHARE, later).load().values == {LINES: 1.0}
    shares.close()
    store.close()


def test_a_lost_answer_is_no_rollback(url: str, monkeypatch: pytest.MonkeyPatch):
    """A batch that was kept though its answer was lost is saved again, and nothing else."""
    store = PostgresqlStore(url, clock)
    state = store.open("")
    execute = Transaction.run

    def lose_the_answer(self: Transaction, statement: str, *values: object) -> object:
        rows = execute(self, statement, *values)
        if statement == "COMMIT":
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return rows

    with monkeypatch.context() as patch:
        patch.setattr(Transaction, "run", lose_the_answer)
        with pytest.raises(StateError):
            state.save(Batch(values={LINES: 1.0}))
    assert store.read("").values == {LINES: 1.0}
    state.save(Batch(values={LINES: 1.0}))
    state.save(Batch(values={LINES: 2.0}))
    assert state.rollbacks == 0
    assert state.load().values == {LINES: 2.0}
    store.close()


def test_tables_that_are_dropped_while_the_exporter_runs_are_a_rollback(url: str):
    """They are made again, and what is saved anew is kept."""
    store = PostgresqlStore(url, clock)
    state = store.open("")
    state.save(Batch(values={LINES: 1.0}))
    PostgresqlDatabase(url).clear()
    with pytest.raises(StateRolledBack, match="went back"):
        state.save(Batch(values={LINES: 2.0}))
    assert state.load().values == {}
    state.save(Batch(values={LINES: 2.0}))
    assert state.load().values == {LINES: 2.0}
    store.close()


def test_no_more_connections_are_opened_than_allowed(url: str):
    """Who finds none free waits for one."""
    connections = Connections(url, 10.0, limit=2)
    opened: set[int] = set()
    done: list[None] = []

    def work() -> None:
        with connections.transaction() as transaction:
            ((process, _),) = transaction.run("SELECT pg_backend_pid(), pg_sleep(0.01)")
            opened.add(process)
            done.append(None)

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 12
    assert len(opened) <= 2
    connections.close()
