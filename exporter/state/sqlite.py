"""State in an SQLite file: every batch is one transaction, so a crash leaves a whole one.

The file is in WAL mode without a sync per batch: what ``kill -9`` leaves is the last batch; after
a power failure it may be an earlier one, whole as well. One process at a time holds the file.
"""

import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from exporter.errors import StateError
from exporter.state.sqlite_copy import keep_copy
from exporter.state.sqlite_namespace import SqliteState
from exporter.state.sqlite_schema import check, prepare

LOG = logging.getLogger(__name__)

LOCK_SECONDS = 1.0
"""How long to wait for another process to release the file, as at a restart."""


class SqliteStore:
    """A file with the counts, cursors and documents of each namespace.

    Args:
        path: the file; made if it is not there, for this user alone; its folder must be.
        clock: Unix seconds.

    Raises:
        StateError: the file cannot be used; the message says why, and what to do.
    """

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        with self._translated("opened"):
            self._file = _make(path)
            self._connection = sqlite3.connect(
                path, timeout=LOCK_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare()
            except BaseException:
                self._connection.close()
                raise

    def open(self, namespace: str) -> SqliteState:
        """Open a namespace, made if it is not there; raises StateError where it cannot be."""
        state = SqliteState(self.reading, self.writing, namespace, self._clock)
        with self.writing() as connection:
            row = (namespace, self._clock())
            connection.execute("INSERT OR IGNORE INTO meta VALUES (?, 'first_start', ?)", row)
        return state

    def close(self) -> None:
        """Close the file; another process may open it then."""
        with self._lock:
            self._connection.close()

    def _prepare(self) -> None:
        execute = self._connection.execute
        # Held until the end, so that two exporters never count into one file.
        execute("PRAGMA locking_mode = EXCLUSIVE")
        check(self._connection)
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = NORMAL")
        if (copy := keep_copy(self._connection, self._path)) is not None:
            fields = {"file": self._path, "copy": copy}
            LOG.info("state file of an older version is changed", extra={"fields": fields})
        prepare(self._connection)
        (damage,) = execute("PRAGMA quick_check(1)").fetchone()
        if damage != "ok":
            told = "; ".join(line for line in damage.splitlines() if not line.startswith("*"))
            raise ValueError(
                f"it is damaged or cannot be read ({told}); move it away to start again, "
                "or restore a copy"
            )

    def _check_place(self) -> None:
        """What is written to a file that was removed is kept nowhere, and SQLite does not tell."""
        try:
            there = os.path.samestat(self._path.stat(), self._file)
        except FileNotFoundError:
            there = False
        if not there:
            raise ValueError("it was removed or replaced; put it back, or restart to begin again")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read, alone; errors become StateError."""
        with self._lock, self._translated("read"):
            yield self._connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Write in one transaction, alone; after a StateError the file is as it was before."""
        with self._lock, self._translated("written"):
            self._check_place()
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _translated(self, verb: str) -> Iterator[None]:
        """Turn what SQLite and the file system say into one error that names the file."""
        try:
            yield
        except (sqlite3.Error, OSError, KeyError, ValueError) as error:
            raise StateError(f"state file {self._path} cannot be {verb}: {_why(error)}") from None


def _make(path: Path) -> os.stat_result:
    """The file, made if it is not there; raises OSError if this user may not use it."""
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        return os.fstat(file)
    finally:
        os.close(file)


def _why(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "its folder does not exist"
    if isinstance(error, OSError):
        return f"{error.strerror}; it and its folder have to be this user's to write"
    code = getattr(error, "sqlite_errorname", "")
    if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return "another process holds it; two exporters cannot share one file"
    if code.startswith(("SQLITE_NOTADB", "SQLITE_CORRUPT")):
        return "it is damaged or no database; move it away to start again, or restore a copy"
    if code.startswith("SQLITE_CANTOPEN"):
        return "its folder cannot be written to"
    if code.startswith("SQLITE_READONLY"):
        return "it is read-only, or its folder is"
    if code.startswith("SQLITE_FULL"):
        return "the disk is full"
    return str(error)
