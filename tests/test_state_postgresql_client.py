"""Connections to PostgreSQL one by one, and what is said when one fails."""

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from programs import requires
from psycopg import errors
from state_stores import PostgresqlDatabase, ready
from waiting import LIMIT_SECONDS, wait_for

from exporter.state.postgresql_client import (
    APPLICATION_NAME,
    Connections,
    database_name,
    explain,
)

CREDENTIALS = "its user or password is wrong, or may not connect; see state.url"
MISSING = "there is no such database; see state.url"
LATE = "no answer in time, or the connection broke"
URL = "postgresql://me:hunter2%2F1@host.invalid/counts"

needs_server = requires("pg_lsclusters")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (errors.InvalidPassword("28P01"), CREDENTIALS),
        (errors.InvalidAuthorizationSpecification("28000"), CREDENTIALS),
        (errors.InvalidCatalogName("3D000"), MISSING),
        (
            errors.InsufficientPrivilege("denied"),
            "its user may not create tables there, or not use those that are there",
        ),
        (errors.ReadOnlySqlTransaction("denied"), "it is read-only, as a standby is"),
        (errors.DiskFull("no space"), "its disk is full"),
        (errors.TooManyConnections("sorry"), "it has too many connections"),
        (errors.AdminShutdown("timeout"), "it is shutting down or starting"),
        (errors.CannotConnectNow("starting up"), "it is shutting down or starting"),
        (errors.DivisionByZero("division  by\n zero"), "division by zero"),
        (
            psycopg.OperationalError('FATAL: password authentication failed for user "me"'),
            CREDENTIALS,
        ),
        (psycopg.OperationalError('FATAL: no pg_hba.conf entry for host "::1"'), CREDENTIALS),
        (psycopg.OperationalError("fe_sendauth: no password supplied"), CREDENTIALS),
        (psycopg.OperationalError('FATAL: database "counts" does not exist'), MISSING),
        (psycopg.OperationalError("connection timeout expired"), LATE),
        (psycopg.OperationalError("terminating connection due to a conflict"), LATE),
        (psycopg.OperationalError("server closed the connection unexpectedly"), LATE),
        (psycopg.OperationalError("failed: Connection refused"), "failed: Connection refused"),
        (ValueError("neither hunter2%2F1 nor hunter2/1 here"), "neither *** nor *** here"),
    ],
    ids=repr,
)
def test_each_error_is_told_by_its_reason(error: Exception, reason: str):
    """In words of the exporter's user, on one line, and without the password in either form."""
    assert explain(error, URL) == reason


def test_without_a_password_nothing_of_a_message_is_hidden():
    """An empty password stands between any two characters."""
    assert explain(ValueError("wrong"), "postgresql://me@host/counts") == "wrong"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://me:hunter2@host:6432/counts", "host:6432/counts"),
        ("postgresql://me@here:hunter2@host/counts", "host/counts"),
        ("postgresql://host", "host"),
        ("postgresql:///counts", "localhost/counts"),
        ("postgresql://me:hunter2@/counts", "localhost/counts"),
    ],
)
def test_a_database_is_named_by_host_port_and_name(url: str, name: str):
    """As the URL has them, without user and password."""
    assert database_name(url) == name


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresqlDatabase]:
    with ready("postgresql", tmp_path_factory.mktemp("client")) as database:
        yield database


@pytest.fixture
def connections(server: PostgresqlDatabase) -> Iterator[Connections]:
    connections = Connections(server.url, LIMIT_SECONDS)
    yield connections
    connections.close()


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[psycopg.Connection]:
    """Every connection from now on: what nobody closes is not closed for want of a user either."""
    connect = psycopg.connect
    opened: list[psycopg.Connection] = []

    def record(url: str, **options: Any) -> psycopg.Connection:
        opened.append(connect(url, **options))
        return opened[-1]

    monkeypatch.setattr(psycopg, "connect", record)
    return opened


def backend(connections: Connections) -> int:
    """The server's process of the connection that is used next."""
    with connections.transaction() as transaction:
        ((process,),) = transaction.run("SELECT pg_backend_pid()")
        return int(process)


def ask(url: str, query: str, *values: object) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode(), values or None).fetchall()


def wait_until_closed(url: str, process: int) -> None:
    query = "SELECT 1 FROM pg_stat_activity WHERE pid = %s"
    wait_for(lambda: not ask(url, query, process))


@needs_server
def test_a_connection_is_used_again(connections: Connections, server: PostgresqlDatabase):
    """The server's administrator sees whose it is, and nothing is prepared on it."""
    process = backend(connections)
    assert [backend(connections) for _ in range(12)] == [process] * 12
    query = "SELECT application_name FROM pg_stat_activity WHERE pid = %s"
    assert ask(server.url, query, process) == [(APPLICATION_NAME,)]
    with connections.transaction() as transaction:
        assert transaction.run("SELECT name FROM pg_prepared_statements") == []


@needs_server
def test_a_transaction_begins_once(connections: Connections, monkeypatch: pytest.MonkeyPatch):
    """The server, whose log is somebody's to read, has nothing to warn of."""
    connect = psycopg.connect
    notices: list[str | None] = []

    def listen(url: str, **options: Any) -> psycopg.Connection:
        connection = connect(url, **options)
        connection.add_notice_handler(lambda notice: notices.append(notice.message_primary))
        return connection

    monkeypatch.setattr(psycopg, "connect", listen)
    for isolation in ("READ COMMITTED", "REPEATABLE READ"):
        with connections.transaction(isolation) as transaction:
            assert transaction.run("SHOW transaction_isolation") == [(isolation.lower(),)]
            transaction.run("DROP TABLE IF EXISTS never_made")
    assert notices == ['table "never_made" does not exist, skipping'] * 2


@needs_server
def test_a_connection_that_the_server_ended_is_replaced(
    connections: Connections, server: PostgresqlDatabase
):
    """Whoever needs it next does not notice."""
    process = backend(connections)
    ask(server.url, "SELECT pg_terminate_backend(%s)", process)
    wait_until_closed(server.url, process)
    assert backend(connections) != process


@needs_server
def test_a_connection_on_which_something_failed_is_closed(
    connections: Connections, server: PostgresqlDatabase, opened: list[psycopg.Connection]
):
    """In the middle of a transaction, whose beginning is undone, or at its very beginning."""
    with connections.transaction() as transaction:
        transaction.run("CREATE TABLE IF NOT EXISTS kept (number integer)")
    with (
        pytest.raises(psycopg.errors.DivisionByZero),
        connections.transaction() as transaction,
    ):
        ((process,),) = transaction.run("SELECT pg_backend_pid()")
        transaction.run("INSERT INTO kept VALUES (1)")
        transaction.run("SELECT 1 / 0")
    wait_until_closed(server.url, int(process))
    assert ask(server.url, "SELECT * FROM kept") == []
    with connections.transaction() as transaction:
        transaction.run("DROP TABLE kept")
    with pytest.raises(psycopg.errors.SyntaxError), connections.transaction("NONE"):
        raise AssertionError("it has begun")
    query = "SELECT 1 FROM pg_stat_activity WHERE application_name = %s"
    wait_for(lambda: not ask(server.url, query, APPLICATION_NAME))
    assert [each.closed for each in opened] == [True] * len(opened)


@needs_server
def test_connections_are_closed_with_the_store(
    server: PostgresqlDatabase, opened: list[psycopg.Connection]
):
    """Those that are idle at once, those in use after their transaction."""
    connections = Connections(server.url, LIMIT_SECONDS)
    with connections.transaction() as transaction:
        ((used,),) = transaction.run("SELECT pg_backend_pid()")
        idle = backend(connections)
        connections.close()
        wait_until_closed(server.url, idle)
        assert transaction.run("SELECT 1") == [(1,)]
    wait_until_closed(server.url, int(used))
    assert [each.closed for each in opened] == [True] * len(opened)


@needs_server
def test_who_finds_no_connection_free_is_told_so(server: PostgresqlDatabase):
    """After as long as an answer may take."""
    connections = Connections(server.url, LIMIT_SECONDS, 1)
    hurried = Connections(server.url, 0.01, 1)
    hurried._free = connections._free
    with connections.transaction() as transaction:
        with (
            pytest.raises(psycopg.OperationalError, match="no connection became free in time"),
            hurried.transaction(),
        ):
            raise AssertionError("there was a second one")
        assert transaction.run("SELECT 1") == [(1,)]
    backend(connections)
    connections.close()


@needs_server
def test_four_connections_are_used_at_a_time(connections: Connections):
    """A small database has to be shared with others."""
    four, processes = threading.Barrier(4), set[int]()

    def work() -> None:
        try:
            with connections.transaction() as transaction:
                ((process,),) = transaction.run("SELECT pg_backend_pid()")
                processes.add(int(process))
                four.wait(LIMIT_SECONDS)
        except psycopg.OperationalError:
            four.abort()

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not four.broken
    assert len(processes) == 4


@needs_server
@pytest.mark.parametrize("count", range(6))
def test_rows_come_in_pieces_of_any_size(connections: Connections, count: int):
    """The last piece may be full, short or empty."""
    with connections.transaction() as transaction:
        rows = transaction.scan("SELECT generate_series(1, %s)", count, piece=2)
        assert list(rows) == [(number,) for number in range(1, count + 1)]


@needs_server
def test_an_answer_in_time_leaves_nothing_that_cuts_the_connection(connections: Connections):
    """And while one is waited for, a program that ends waits for nothing."""
    watching: list[threading.Timer] = []

    def look() -> None:
        timers = [each for each in threading.enumerate() if isinstance(each, threading.Timer)]
        watching.extend(each for each in timers if not each.finished.is_set())

    with connections.transaction() as transaction:
        look()
        assert watching == []
        with transaction._in_time():
            look()
        assert [each.daemon for each in watching] == [True]
        assert watching[0].finished.is_set()
