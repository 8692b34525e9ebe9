"""One namespace of an SQLite file."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any

from exporter.model import ComponentKey
from exporter.state.store import Batch, CursorKey, DocumentKey, Saved, ValueKey

_SERIES = ("metric", "labels", "meaning")
_DOCUMENT = ("kind", "owner", "name")
_PLACE = ("app", "component", "deployment_id")


class SqliteState:
    """One namespace of a file; built by the store.

    Args:
        reading, writing: what the store gives its connection with.
        clock: Unix seconds.
    """

    durable = True
    rollbacks = 0  # a file that was replaced is refused while the exporter lives

    def __init__(
        self,
        reading: Callable[[], AbstractContextManager[sqlite3.Connection]],
        writing: Callable[[], AbstractContextManager[sqlite3.Connection]],
        namespace: str,
        clock: Callable[[], float],
    ) -> None:
        self._reading = reading
        self._writing = writing
        self._namespace = namespace
        self._clock = clock

    def load(self) -> Saved:
        """Read the namespace; raises StateError where it holds what no state file does."""
        with self._reading() as connection:

            def rows(columns: str, table: str, order: str = "") -> Iterator[Any]:
                query = f"SELECT {columns} FROM {table} WHERE namespace = ? {order}"
                return connection.execute(query, (self._namespace,))

            meta = dict(rows("key, value", "meta"))
            place = "app, component, deployment_id"
            return Saved(
                first_start=float(meta["first_start"]),
                saved_at=meta.get("saved_at"),
                values={
                    ValueKey(metric, _names(labels), meaning): float(value)
                    for metric, labels, meaning, value in rows(
                        "metric, labels, meaning, value", "series"
                    )
                },
                cursors=_by_deployment(rows(f"{place}, cursor", "cursors", "ORDER BY rowid")),
                released=_by_deployment(rows(f"{place}, newest", "released")),
                documents={
                    DocumentKey(kind, _names(owner), name): data
                    for kind, owner, name, data in rows("kind, owner, name, data", "documents")
                },
            )

    def save(self, batch: Batch) -> None:
        """Save a batch in one transaction; raises StateError where it cannot be written."""
        with self._writing() as connection:
            self._drop(connection, batch)
            self._put(connection, batch)

    def close(self) -> None:
        """Do nothing: the file is the store's."""

    def _put(self, connection: sqlite3.Connection, batch: Batch) -> None:
        many, namespace = connection.executemany, self._namespace
        series = [(namespace, *_columns(key), value) for key, value in batch.values.items()]
        many("INSERT OR REPLACE INTO series VALUES (?, ?, ?, ?, ?)", series)
        for table, entries in (("cursors", batch.cursors), ("released", batch.released)):
            rows = [(namespace, *_place(key), value) for key, value in entries.items()]
            many(f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?, ?)", rows)
        documents = [(namespace, *_document(key), data) for key, data in batch.documents.items()]
        many("INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?)", documents)
        saved_at = [(namespace, self._clock())]
        many("INSERT OR REPLACE INTO meta VALUES (?, 'saved_at', ?)", saved_at)
        if batch.first_start is not None:
            first_start = [(namespace, batch.first_start)]
            many("INSERT OR REPLACE INTO meta VALUES (?, 'first_start', ?)", first_start)

    def _drop(self, connection: sqlite3.Connection, batch: Batch) -> None:
        self._delete(connection, "series", _SERIES, map(_columns, batch.dropped_values))
        self._delete(connection, "documents", _DOCUMENT, map(_document, batch.dropped_documents))
        self._delete(connection, "cursors", _PLACE, map(_place, batch.released))
        self._delete(connection, "released", _PLACE, map(_place, batch.dropped_releases))
        for table in ("cursors", "released"):
            gone = [key.parts for key in batch.dropped_components]
            self._delete(connection, table, _PLACE[:2], gone)

    def _delete(
        self,
        connection: sqlite3.Connection,
        table: str,
        columns: tuple[str, ...],
        keys: Iterable[tuple[str, ...]],
    ) -> None:
        if rows := [(self._namespace, *key) for key in keys]:
            where = " AND ".join(f"{column} = ?" for column in ("namespace", *columns))
            connection.executemany(f"DELETE FROM {table} WHERE {where}", rows)


def _names(column: str) -> tuple[str, ...]:
    """The label values of a series, or an owner; the first is the name of an app."""
    names = json.loads(column)
    if not isinstance(names, list) or set(map(type, names)) != {str}:
        raise ValueError(f"it holds {column!r} where names should be")
    return tuple(names)


def _columns(key: ValueKey) -> tuple[str, str, str]:
    return key.metric, _encoded(key.labels), key.meaning


def _document(key: DocumentKey) -> tuple[str, str, str]:
    return key.kind, _encoded(key.owner), key.name


@lru_cache(maxsize=4096)  # the same series change again and again
def _encoded(names: tuple[str, ...]) -> str:
    return json.dumps(names)


def _place(key: CursorKey) -> tuple[str, str, str]:
    return (*key.component.parts, key.deployment_id)


def _by_deployment(rows: Iterable[tuple[str, str, str, Any]]) -> dict[CursorKey, Any]:
    return {
        CursorKey(ComponentKey(app, component), deployment_id): value
        for app, component, deployment_id, value in rows
    }
