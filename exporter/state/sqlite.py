"""State in an SQLite file: every batch is one transaction, so a crash leaves a whole one.

The file is in WAL mode without a sync per batch: what ``kill -9`` leaves is the last batch; after
a power failure it may be an earlier one, whole as well. One process at a time holds the file.
"""

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from exporter.errors import StateError
from exporter.model import ComponentKey
from exporter.state.sqlite_schema import prepare
from exporter.state.store import Batch, CursorKey, DocumentKey, Saved, ValueKey

T = TypeVar("T")

LOCK_SECONDS = 1.0
"""How long to wait for another process to let go of the file, as at a restart."""


class SqliteState:
    """Counts, cursors and documents in one file.

    Args:
        path: the file; made if it is not there, for this user alone; its folder must be.
        clock: Unix seconds.

    Raises:
        StateError: the file cannot be used; the message says why, and what to do.
    """

    durable = True
    rollbacks = 0  # a file that was replaced is refused while the exporter lives

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
                self._open()
            except BaseException:
                self._connection.close()
                raise

    def load(self) -> Saved:
        """All that the file holds.

        Raises:
            StateError: it cannot be read, or holds what no state file does.
        """
        with self._lock, self._translated("read"):
            rows = self._connection.execute
            meta = dict(rows("SELECT key, value FROM meta"))
            return Saved(
                first_start=float(meta["first_start"]),
                saved_at=meta.get("saved_at"),
                values={
                    ValueKey(metric, _names(labels), meaning): float(value)
                    for metric, labels, meaning, value in rows("SELECT * FROM series")
                },
                cursors=_by_deployment(rows("SELECT * FROM cursors ORDER BY rowid")),
                released=_by_deployment(rows("SELECT * FROM released")),
                documents={
                    DocumentKey(kind, _names(owner), name): data
                    for kind, owner, name, data in rows("SELECT * FROM documents")
                },
            )

    def save(self, batch: Batch) -> None:
        """Keep a batch in one transaction.

        Raises:
            StateError: it cannot be written; the file is as it was before.
        """
        with self._lock, self._translated("written"):
            self._check_place()
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._write(batch)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the file; another process may open it then."""
        with self._lock:
            self._connection.close()

    def _open(self) -> None:
        execute = self._connection.execute
        # Held until the end, so that two exporters never count into one file.
        execute("PRAGMA locking_mode = EXCLUSIVE")
        execute("PRAGMA journal_mode = WAL")
        execute("PRAGMA synchronous = NORMAL")
        prepare(self._connection)
        damage = execute("PRAGMA quick_check(1)").fetchone()[0]
        if damage != "ok":
            raise ValueError(f"it is damaged: {damage}")
        execute("INSERT OR IGNORE INTO meta VALUES ('first_start', ?)", (self._clock(),))

    def _check_place(self) -> None:
        """What is written to a file that was removed is kept nowhere, and SQLite does not tell."""
        try:
            there = os.path.samestat(self._path.stat(), self._file)
        except FileNotFoundError:
            there = False
        if not there:
            raise ValueError("it was removed or replaced; put it back, or restart to begin anew")

    def _write(self, batch: Batch) -> None:
        self._drop(batch)
        many = self._connection.executemany
        series = [(*_columns(key), value) for key, value in batch.values.items()]
        many("INSERT OR REPLACE INTO series VALUES (?, ?, ?, ?)", series)
        for table, entries in (("cursors", batch.cursors), ("released", batch.released)):
            rows = [(*_place(key), value) for key, value in entries.items()]
            many(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?)", rows)
        documents = [(*_document(key), data) for key, data in batch.documents.items()]
        many("INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?)", documents)
        many("INSERT OR REPLACE INTO meta VALUES ('saved_at', ?)", [(self._clock(),)])

    def _drop(self, batch: Batch) -> None:
        many = self._connection.executemany
        series = map(_columns, batch.dropped_values)
        many("DELETE FROM series WHERE metric = ? AND labels = ? AND meaning = ?", series)
        documents = map(_document, batch.dropped_documents)
        many("DELETE FROM documents WHERE kind = ? AND owner = ? AND name = ?", documents)
        for table, keys in (("cursors", batch.released), ("released", batch.dropped_releases)):
            where = "app = ? AND component = ? AND deployment_id = ?"
            many(f"DELETE FROM {table} WHERE {where}", map(_place, keys))
        for table in ("cursors", "released"):
            gone = [key.parts for key in batch.dropped_components]
            many(f"DELETE FROM {table} WHERE app = ? AND component = ?", gone)

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
        return "it is damaged or no database; move it away to start anew, or restore a copy"
    if code.startswith("SQLITE_CANTOPEN"):
        return "its folder cannot be written to"
    if code.startswith("SQLITE_READONLY"):
        return "it is read-only, or its folder is"
    if code.startswith("SQLITE_FULL"):
        return "the disk is full"
    return str(error)


def _names(column: str) -> tuple[str, ...]:
    """The label values of a series, or an owner; the first is the name of an app."""
    names = json.loads(column)
    if not isinstance(names, list) or not names or set(map(type, names)) != {str}:
        raise ValueError(f"it holds {column!r} where names should be")
    return tuple(names)


def _columns(key: ValueKey) -> tuple[str, str, str]:
    return key.metric, json.dumps(key.labels), key.meaning


def _document(key: DocumentKey) -> tuple[str, str, str]:
    return key.kind, json.dumps(key.owner), key.name


def _place(key: CursorKey) -> tuple[str, str, str]:
    return (*key.component.parts, key.deployment_id)


def _by_deployment(rows: Iterable[tuple[str, str, str, T]]) -> dict[CursorKey, T]:
    return {
        CursorKey(ComponentKey(app, component), deployment_id): value
        for app, component, deployment_id, value in rows
    }
