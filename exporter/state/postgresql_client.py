"""Connections to PostgreSQL: each answer comes in time, and no error has a secret in it."""

import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import ceil
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import Connection

MAX_CONNECTIONS = 4
"""Small managed databases allow about twenty for everybody."""

APPLICATION_NAME = "do-app-exporter"

Rows = list[tuple[Any, ...]]


class Connections:
    """The connections of one store; several threads use them at the same time.

    Args:
        url: ``postgresql://``.
        timeout: seconds for a connection and for each answer. The server's own time-outs cannot
            be relied on: a server that was stopped, or a network that was cut, says nothing.
        limit: how many connections there are at most; who needs one more waits.
    """

    def __init__(self, url: str, timeout: float, limit: int = MAX_CONNECTIONS) -> None:
        self._url = url
        self._timeout = timeout
        self._idle: list[Connection] = []
        self._free = threading.BoundedSemaphore(limit)
        self._closed = False

    @contextmanager
    def transaction(self, isolation: str = "READ COMMITTED") -> Iterator["Transaction"]:
        """Run a transaction, which is committed at the end of the block.

        Raises:
            psycopg.Error: it failed, and nothing of it was kept; or the answer was lost, and it
                may have been kept.
        """
        if not self._free.acquire(timeout=self._timeout):
            raise psycopg.OperationalError("no connection became free in time")
        try:
            connection = self._begin(isolation)
            try:
                transaction = Transaction(connection, self._timeout)
                yield transaction
                transaction.run("COMMIT")
            except BaseException:
                self._discard(connection)
                raise
            if self._closed:
                self._discard(connection)
            else:
                self._idle.append(connection)
        finally:
            self._free.release()

    def close(self) -> None:
        """Close the connections; those in use are closed after their transactions."""
        self._closed = True
        while self._idle:
            self._discard(self._idle.pop())

    def _begin(self, isolation: str) -> Connection:
        with suppress(IndexError, psycopg.OperationalError):  # It broke since it was used last.
            return self._begun(self._idle.pop(), isolation)
        connection = psycopg.connect(
            self._url,
            autocommit=True,
            # A pool in front of the server may give each transaction another connection there.
            prepare_threshold=None,
            connect_timeout=ceil(self._timeout),
            application_name=APPLICATION_NAME,
        )
        return self._begun(connection, isolation)

    def _begun(self, connection: Connection, isolation: str) -> Connection:
        """Begin a transaction; the connection is closed where that fails."""
        try:
            Transaction(connection, self._timeout).run(f"BEGIN ISOLATION LEVEL {isolation}")
        except BaseException:
            self._discard(connection)
            raise
        return connection

    def _discard(self, connection: Connection) -> None:
        with suppress(psycopg.Error, OSError):
            connection.close()


class Transaction:
    """What runs within one transaction."""

    def __init__(self, connection: Connection, timeout: float) -> None:
        self._connection = connection
        self._timeout = timeout

    def run(self, statement: str, *values: object) -> Rows:
        """Run a statement; returns its rows."""
        with self._in_time():
            cursor = self._connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def scan(self, query: str, *values: object, piece: int = 1000) -> Iterator[tuple[Any, ...]]:
        """Run a query and yield its rows, which come from the server in pieces."""
        with self._connection.cursor(name="scan") as cursor:
            with self._in_time():
                cursor.execute(query.encode(), values)
            while True:
                with self._in_time():
                    rows = cursor.fetchmany(piece)
                yield from rows
                if len(rows) < piece:
                    break

    @contextmanager
    def _in_time(self) -> Iterator[None]:
        """Break the connection where the block takes too long: its wait then ends in an error."""
        timer = threading.Timer(self._timeout, _cut, [self._connection])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _cut(connection: Connection) -> None:
    with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as own:
        own.shutdown(socket.SHUT_RDWR)


def database_name(url: str) -> str:
    """Name a database for messages: host, port and database, neither user nor password."""
    parts = urlsplit(url)
    return f"{parts.netloc.rpartition('@')[2] or 'localhost'}{parts.path}"


_NO_ACCESS = "its user or password is wrong, or may not connect; see state.url"
_NO_DATABASE = "there is no such database; see state.url"
_REASONS: tuple[tuple[str, str], ...] = (
    ("28", _NO_ACCESS),
    ("3D000", _NO_DATABASE),
    ("42501", "its user may not create tables there, or not use those that are there"),
    ("25006", "it is read-only, as a standby is"),
    ("53100", "its disk is full"),
    ("53300", "it has too many connections"),
    ("57P", "it is shutting down or starting"),
)
"""What the first characters of SQLSTATE mean."""


def explain(error: Exception, url: str) -> str:
    """Tell why the database cannot be used, without its password."""
    state = getattr(error, "sqlstate", None) or ""
    for prefix, reason in _REASONS:
        if state.startswith(prefix):
            return reason
    text = " ".join(str(error).split())
    if re.search(r"password authentication failed|no pg_hba\.conf entry|no password", text):
        return _NO_ACCESS
    if re.search(r'database "[^"]*" does not exist', text):
        return _NO_DATABASE
    if "timeout" in text or "terminating connection" in text or "server closed" in text:
        return "no answer in time, or the connection broke"
    password = urlsplit(url).password or ""
    for secret in filter(None, {password, unquote(password)}):
        text = text.replace(secret, "***")
    return text
