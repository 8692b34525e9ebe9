"""One namespace of a PostgreSQL database."""

from collections.abc import Callable, Hashable, Iterable
from contextlib import AbstractContextManager
from hashlib import blake2b
from typing import Any, NamedTuple, TypeVar

import psycopg

from exporter.state.columns import (
    component_text,
    cursor_key,
    cursor_text,
    document_key,
    document_text,
    value_key,
    value_text,
)
from exporter.state.coordination import Claim
from exporter.state.fence import Fence
from exporter.state.postgresql_client import Connections, Transaction
from exporter.state.postgresql_schema import (
    CURSORS,
    DOCUMENTS,
    NAMESPACES,
    RELEASED,
    SERIES,
    prepare,
)
from exporter.state.store import Batch, CursorKey, Saved

FROZEN_SECONDS = 5
"""After so long without a statement the server ends a transaction, and frees what it holds."""

K = TypeVar("K", bound=Hashable)


class Loaded(NamedTuple):
    """What a namespace holds, with the highest turn of its cursors."""

    saved: Saved
    turn: int


class PostgresqlState:
    """One namespace, read and saved as long as its claim stands.

    Args:
        connections: the store's.
        fence: the claim, and what was saved under it.
        clock: Unix seconds.
        translated: turns errors of the library into StateError, given a verb.
    """

    durable = True

    def __init__(
        self,
        connections: Connections,
        namespace: str,
        fence: Fence,
        clock: Callable[[], float],
        translated: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        self._connections = connections
        self._namespace = namespace
        self._fence = fence
        self._clock = clock
        self._translated = translated
        self._first_start = clock
        self._turn = 0

    @property
    def rollbacks(self) -> int:
        """How often the database was found to hold less than was saved there."""
        return self._fence.rollbacks

    def load(self) -> Saved:
        """Read the namespace as of one moment, piece by piece.

        Raises:
            StateFenced: another exporter owns the namespace by now.
            StateError: it cannot be read, or holds what no state does.
        """
        with self._translated("read"):
            self._reassert("read")
            with self._connections.transaction("REPEATABLE READ") as transaction:
                recorded, batch = self._standing(transaction)
                self._fence.refuse_other(recorded, "read")
                saved, self._turn = read_namespace(transaction, self._namespace, self._first_start)
            self._fence.loaded(batch)
            self._first_start = lambda: saved.first_start
            return saved

    def save(self, batch: Batch) -> None:
        """Save a batch in one transaction.

        Raises:
            StateFenced: another exporter owns the namespace by now.
            StateRolledBack: the database holds less than was saved there.
            StateError: it cannot be written. Where no answer came the batch may have been kept
                all the same; as it holds what series stand at, saving it again changes nothing.
        """
        with self._translated("written"):
            try:
                went_back = self._try_to_save(batch)
            except psycopg.errors.UndefinedTable:  # It was emptied.
                went_back = None, 0
            if went_back is not None:
                self._reassert("written")
                raise self._fence.report_rollback(*went_back)

    def close(self) -> None:
        """Do nothing: the connections are the store's."""

    def _try_to_save(self, batch: Batch) -> tuple[Claim | None, int] | None:
        """Save a batch, or return what stands there where the database went back."""
        with self._connections.transaction() as transaction:
            recorded, kept = self._standing(transaction, "FOR UPDATE")
            if self._fence.went_back(recorded, kept):
                return recorded, kept
            self._drop(transaction, batch)
            self._put(transaction, batch)
            transaction.run(
                f"UPDATE {NAMESPACES} SET batch = %s, saved_at = %s, "
                "first_start = coalesce(%s::float8, first_start, %s) WHERE namespace = %s",
                kept + 1,
                self._clock(),
                batch.first_start,
                self._first_start(),
                self._namespace,
            )
        self._fence.saved(kept + 1)
        return None

    def _standing(self, transaction: Transaction, lock: str = "") -> tuple[Claim | None, int]:
        """Read the claim and the batch number, and limit how long the transaction may idle."""
        rows = transaction.run(
            "SELECT owner, epoch, batch, "
            "set_config('idle_in_transaction_session_timeout', %s, true) "
            f"FROM {NAMESPACES} WHERE namespace = %s {lock}",
            f"{FROZEN_SECONDS}s",
            self._namespace,
        )
        if not rows:
            return None, 0
        ((owner, epoch, batch, _),) = rows
        return Claim(owner, epoch), batch

    def _reassert(self, verb: str) -> None:
        """Record the claim again, if the database went back behind it.

        Raises:
            StateFenced: another exporter owns the namespace by now.
        """
        with self._connections.transaction() as transaction:
            prepare(transaction)
            recorded, _ = self._standing(transaction, "FOR UPDATE")
            self._fence.refuse_other(recorded, verb)
            held = self._fence.held
            transaction.run(
                f"INSERT INTO {NAMESPACES} AS it (namespace, owner, epoch, first_start) "
                "VALUES (%s, %s, %s, %s) ON CONFLICT (namespace) DO UPDATE "
                "SET owner = EXCLUDED.owner, epoch = EXCLUDED.epoch, "
                "first_start = coalesce(it.first_start, EXCLUDED.first_start)",
                self._namespace,
                held.owner,
                held.epoch,
                self._first_start(),
            )

    def _drop(self, transaction: Transaction, batch: Batch) -> None:
        for table, texts in (
            (SERIES, map(value_text, batch.dropped_values)),
            (DOCUMENTS, map(document_text, batch.dropped_documents)),
            (CURSORS, map(cursor_text, batch.released)),
            (RELEASED, map(cursor_text, batch.dropped_releases)),
        ):
            if ids := [_id(text) for text in texts]:
                statement = f"DELETE FROM {table} WHERE namespace = %s AND id = ANY(%s)"
                transaction.run(statement, self._namespace, ids)
        if components := [component_text(each) for each in batch.dropped_components]:
            for table in (CURSORS, RELEASED):
                statement = f"DELETE FROM {table} WHERE namespace = %s AND component = ANY(%s)"
                transaction.run(statement, self._namespace, components)

    def _put(self, transaction: Transaction, batch: Batch) -> None:
        series = [(value_text(key), value) for key, value in batch.values.items()]
        self._upsert(transaction, SERIES, {"value": "float8"}, series)
        documents = [(document_text(key), data) for key, data in batch.documents.items()]
        self._upsert(transaction, DOCUMENTS, {"data": "bytea"}, documents)
        released = [(*_place(key), newest) for key, newest in batch.released.items()]
        self._upsert(transaction, RELEASED, {"component": "text", "newest": "int8"}, released)
        cursors = [
            (*_place(key), turn, data)
            for turn, (key, data) in enumerate(batch.cursors.items(), self._turn + 1)
        ]
        columns = {"component": "text", "turn": "int8", "data": "bytea"}
        self._upsert(transaction, CURSORS, columns, cursors)
        self._turn += len(cursors)

    def _upsert(
        self,
        transaction: Transaction,
        table: str,
        columns: dict[str, str],
        rows: list[tuple[Any, ...]],
    ) -> None:
        """Insert or replace rows in one statement.

        Args:
            columns: those after the key, with their types.
            rows: the text of the key, then a value for each column.
        """
        if not rows:
            return
        types = {"id": "bytea", "key": "text", **columns}
        arrays = ", ".join(f"%s::{each}[]" for each in types.values())
        changes = ", ".join(f"{column} = EXCLUDED.{column}" for column in columns)
        texts, *values = (list(column) for column in zip(*rows, strict=True))
        transaction.run(
            f"INSERT INTO {table} (namespace, {', '.join(types)}) "
            f"SELECT %s, * FROM unnest({arrays}) "
            f"ON CONFLICT (namespace, id) DO UPDATE SET {changes}",
            self._namespace,
            [_id(text) for text in texts],
            texts,
            *values,
        )


def read_namespace(
    transaction: Transaction, namespace: str, first_start: Callable[[], float]
) -> Loaded:
    """Read a namespace piece by piece.

    Args:
        first_start: when the exporter first started, for a namespace that does not tell.

    Raises:
        ValueError, TypeError: it holds what no state does.
    """

    def rows(columns: str, table: str, order: str = "") -> Iterable[tuple[Any, ...]]:
        query = f"SELECT {columns} FROM {table} WHERE namespace = %s {order}"
        return transaction.scan(query, namespace)

    times = transaction.run(
        f"SELECT first_start, saved_at FROM {NAMESPACES} WHERE namespace = %s", namespace
    )
    ((started, saved_at),) = times or [(None, None)]
    turn, cursors = 0, {}
    for text, number, data in rows("key, turn, data", CURSORS, "ORDER BY turn"):
        cursors[cursor_key(text)], turn = bytes(data), number
    saved = Saved(
        first_start=first_start() if started is None else started,
        saved_at=saved_at,
        values={value_key(text): value for text, value in rows("key, value", SERIES)},
        cursors=cursors,
        released={cursor_key(text): newest for text, newest in rows("key, newest", RELEASED)},
        documents={document_key(text): bytes(data) for text, data in rows("key, data", DOCUMENTS)},
    )
    return Loaded(saved, turn)


def _id(text: str) -> bytes:
    return blake2b(text.encode(), digest_size=16).digest()


def _place(key: CursorKey) -> tuple[str, str]:
    return cursor_text(key), component_text(key.component)
