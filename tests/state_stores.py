"""Every kind of durable store behind one interface, each on a real server where it has one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import psycopg
import pytest
import redis
from pgbouncer_server import pgbouncer
from postgresql_server import postgresql_server
from programs import requires
from redis_server import redis_server
from server_urls import url_of

from exporter.state.coordination import SharedStore
from exporter.state.postgresql import PostgresqlStore
from exporter.state.postgresql_schema import (
    CURSORS,
    DOCUMENTS,
    MEMBERS,
    META,
    NAMESPACES,
    RELEASED,
    SERIES,
)
from exporter.state.redis import RedisStore
from exporter.state.sqlite import SqliteStore
from exporter.state.store import Batch, Saved, Store

Dump = list[tuple[Any, Any]]
"""What a database held: each key or table with its content."""


def clock() -> float:
    """Unix seconds that stand still."""
    return 1000.0


class Database(Protocol):
    """Something that a store can be opened on, again and again."""

    def open(self) -> Store:
        """Open it."""

    def clear(self) -> None:
        """Remove everything that it holds."""


class SharedDatabase(Protocol):
    """A database that several exporters use at the same time."""

    url: str

    def open(self, clock: Callable[[], float] = clock) -> SharedStore:
        """Open it."""

    def clear(self) -> None:
        """Remove everything that it holds."""

    def dump(self) -> Dump:
        """Copy what it holds."""

    def go_back(self, dump: Dump) -> None:
        """Put it back to a copy."""


class SqliteDatabase:
    """One file of a folder after another."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0

    def open(self) -> Store:
        """Open the file."""
        return SqliteStore(self._folder / f"{self._number}.db", clock)

    def clear(self) -> None:
        """Go on with another file."""
        self._number += 1


class RedisDatabase:
    """A database of a running server."""

    def __init__(self, url: str) -> None:
        self.url = url

    def open(self, clock: Callable[[], float] = clock) -> SharedStore:
        """Open it."""
        return RedisStore(self.url, clock)

    def clear(self) -> None:
        """Remove every key."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def dump(self) -> Dump:
        """Copy each key."""
        with redis.Redis.from_url(self.url) as client:
            return [(key, client.dump(key)) for key in client.scan_iter()]

    def go_back(self, dump: Dump) -> None:
        """Restore each key, and remove the others."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()
            for key, data in dump:
                client.restore(key, 0, data)


TABLES = (META, NAMESPACES, MEMBERS, SERIES, CURSORS, RELEASED, DOCUMENTS)


class PostgresqlDatabase:
    """The tables of a running server."""

    def __init__(self, url: str) -> None:
        self.url = url

    def open(self, clock: Callable[[], float] = clock) -> SharedStore:
        """Open it."""
        return PostgresqlStore(self.url, clock)

    def clear(self) -> None:
        """Remove the tables."""
        self._run(f"DROP TABLE IF EXISTS {', '.join(TABLES)}")

    def dump(self) -> Dump:
        """Copy the rows of each table."""
        with _connect(self.url) as connection:
            return [
                (table, connection.execute(f"SELECT * FROM {table}").fetchall()) for table in TABLES
            ]

    def go_back(self, dump: Dump) -> None:
        """Replace the rows of each table."""
        with _connect(self.url) as connection, connection.cursor() as cursor:
            for table, rows in dump:
                cursor.execute(f"DELETE FROM {table}")
                if rows:
                    places = ", ".join(["%s"] * len(rows[0]))
                    cursor.executemany(f"INSERT INTO {table} VALUES ({places})", rows)

    def _run(self, *statements: str) -> None:
        with _connect(self.url) as connection:
            for statement in statements:
                connection.execute(statement)


def _connect(url: str) -> psycopg.Connection:
    """A pool may give each transaction another connection, on which nothing is prepared."""
    return psycopg.connect(url, prepare_threshold=None)


@contextmanager
def ready(kind: str, folder: Path) -> Iterator[Database]:
    """Use what runs already for a kind of store, or run what it needs."""
    url = url_of(kind)
    if url is None:
        with running(kind, folder) as database:
            yield database
    else:
        yield RedisDatabase(url) if kind == "redis" else PostgresqlDatabase(url)


@contextmanager
def running(kind: str, folder: Path) -> Iterator[Database]:
    """Run what a kind of store needs, for the caller alone."""
    if kind == "sqlite":
        yield SqliteDatabase(folder)
        return
    if kind == "postgresql":
        with postgresql_server() as server:
            yield PostgresqlDatabase(server.url)
        return
    if kind.startswith("pgbouncer-"):
        with postgresql_server() as server, pgbouncer(server.url, kind.partition("-")[2]) as url:
            yield PostgresqlDatabase(url)
        return
    with redis_server(program=f"{kind}-server") as url:
        yield RedisDatabase(url)


SHARED = [
    pytest.param("redis", marks=requires("redis-server")),
    pytest.param("valkey", marks=requires("valkey-server")),
    pytest.param("postgresql", marks=requires("pg_lsclusters")),
]
POOLED = [
    pytest.param(f"pgbouncer-{mode}", marks=[requires("pgbouncer"), requires("pg_lsclusters")])
    for mode in ("session", "transaction")
]
"""PostgreSQL behind a pool of connections."""

DURABLE = ["sqlite", *SHARED]


def apply(held: Saved, batch: Batch) -> Saved:
    """What a state holds after a batch, by the definition of ``Batch``."""
    values, cursors = dict(held.values), dict(held.cursors)
    released, documents = dict(held.released), dict(held.documents)
    for kept, dropped in (
        (values, batch.dropped_values),
        (documents, batch.dropped_documents),
        (released, batch.dropped_releases),
        (cursors, batch.released),
    ):
        for key in dropped:
            kept.pop(key, None)
    for places in (cursors, released):
        for key in [key for key in places if key.component in batch.dropped_components]:
            del places[key]
    for key in batch.cursors:
        cursors.pop(key, None)  # the one that is saved last stands last
    return Saved(
        held.first_start if batch.first_start is None else batch.first_start,
        clock(),
        values={**values, **batch.values},
        cursors={**cursors, **batch.cursors},
        released={**released, **batch.released},
        documents={**documents, **batch.documents},
    )
