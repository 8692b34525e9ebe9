"""State in Redis or Valkey: every batch is one transaction, so a crash leaves a whole one.

For where no disk lasts. The exporter that started last owns the state: what another one still
tries to save is refused, so two that overlap for a moment, as at a deployment, count nothing
twice.

Each start has a number, and so has each batch. A database that holds lower ones than it was given
went back: it was restored from a dump, failed over to a replica that lagged, or emptied.
"""

import json
import logging
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from secrets import token_hex
from typing import Any, NoReturn
from urllib.parse import urlsplit

import redis
from redis.client import Pipeline

from exporter.errors import StateError, StateRolledBack
from exporter.model import ComponentKey
from exporter.state.store import Batch, CursorKey, DocumentKey, Saved, ValueKey

LOG = logging.getLogger(__name__)

PREFIX = "do-app-exporter"
VERSION = 1

TIMEOUT_SECONDS = 5.0
"""For a connection and for each answer."""

META, SERIES, CURSORS, RELEASED, DOCUMENTS, OWNER = (
    f"{PREFIX}:{name}" for name in ("meta", "series", "cursors", "released", "documents", "owner")
)
"""The keys: hashes, whose fields are JSON lists, and who may write to them."""

_TURN = struct.Struct("<Q")
"""Stands before each cursor: when it was saved, as a number that rises with each batch."""


class RedisState:
    """Counts, cursors and documents in one database.

    Args:
        url: ``redis://`` or ``rediss://``; its password enters no message.
        clock: Unix seconds.

    Raises:
        StateError: the database cannot be used; the message says why, and what to do.
    """

    durable = True

    def __init__(self, url: str, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._token = token_hex(16)
        self._start = 0
        self._batch = 0
        self._answer_lost = False  # the latest batch may have been kept
        self._turn = 0
        self.rollbacks = 0
        self._places: set[str] = set()
        parts = urlsplit(url)
        self._name = f"{parts.hostname}:{parts.port or 6379}{parts.path}"
        with self._translated("opened"):
            self._client = redis.Redis.from_url(
                url,
                socket_timeout=TIMEOUT_SECONDS,
                socket_connect_timeout=TIMEOUT_SECONDS,
            )
            self._client.hsetnx(META, "version", VERSION)
            self._check_version()
            self._client.hsetnx(META, "first_start", repr(clock()))
            self._claim()
            self._warn_of_eviction()

    def load(self) -> Saved:
        """All that the database holds.

        Raises:
            StateError: it cannot be read, or holds what no state does.
        """
        with self._translated("read"):
            pipeline = self._client.pipeline(transaction=True)
            for key in (META, SERIES, CURSORS, RELEASED, DOCUMENTS):
                pipeline.hgetall(key)
            meta, series, cursors, released, documents = pipeline.execute()
            saved_at = meta.get(b"saved_at")
            self._batch, self._answer_lost = int(meta.get(b"batch", 0)), False
            by_turn = sorted(cursors.items(), key=lambda item: _TURN.unpack_from(item[1]))
            if by_turn:
                self._turn = _TURN.unpack_from(by_turn[-1][1])[0]
            self._places = {field.decode() for field in (*cursors, *released)}
            return Saved(
                first_start=float(meta[b"first_start"]),
                saved_at=None if saved_at is None else float(saved_at),
                values={_value_key(field): float(value) for field, value in series.items()},
                cursors={_cursor_key(field): data[_TURN.size :] for field, data in by_turn},
                released={_cursor_key(field): int(value) for field, value in released.items()},
                documents={_document_key(field): data for field, data in documents.items()},
            )

    def save(self, batch: Batch) -> None:
        """Keep a batch in one transaction.

        Raises:
            StateRolledBack: the database holds less than was saved there.
            StateError: it cannot be written, or another exporter owns the state by now. Where no
                answer came the batch may have been kept all the same; as it holds what series
                stand at, keeping it again changes nothing.
        """
        with self._translated("written"), self._client.pipeline(transaction=True) as pipeline:
            pipeline.watch(OWNER, META)  # type: ignore[no-untyped-call]  # the library has no type
            owner: Any = pipeline.get(OWNER)
            kept: Any = pipeline.hget(META, "batch")
            self._check_standing(owner, kept)
            pipeline.multi()
            self._write(pipeline, batch)
            self._answer_lost = True
            try:
                pipeline.execute()
            except redis.WatchError:
                self._answer_lost = False
                self._refuse()
            self._batch, self._answer_lost = self._batch + 1, False

    def _check_standing(self, owner: bytes | None, batch: bytes | None) -> None:
        """Raise where another exporter owns the database, or where it went back."""
        start, token = _owner(owner)
        if start > self._start or (start == self._start and token != self._token):
            self._refuse()
        kept = int(batch or 0)
        if start < self._start or kept < self._batch:
            self.rollbacks += 1
            self._claim()
            problem = f"batch {kept} of start {start} is the latest in it"
            raise StateRolledBack(
                f"state in {self._name} went back: {problem}, {self._batch} of start "
                f"{self._start} was saved; was it restored, failed over or emptied?"
            )
        if self._answer_lost:
            self._batch = kept

    def _claim(self) -> None:
        """Own the database: its number of starts grows, and this is the latest."""

        def claim(pipeline: Pipeline) -> None:
            starts = int(pipeline.hget(META, "starts") or 0)
            self._start = max(self._start, starts + 1)
            pipeline.multi()
            pipeline.hset(META, "starts", self._start)
            pipeline.hsetnx(META, "version", VERSION)
            pipeline.hsetnx(META, "first_start", repr(self._clock()))
            pipeline.set(OWNER, f"{self._start}:{self._token}")

        self._client.transaction(claim, META)

    def _warn_of_eviction(self) -> None:
        """Warn where the database may drop what is kept there."""
        try:
            policy = str(self._client.info("memory").get("maxmemory_policy", ""))
        except redis.ResponseError:
            return  # A managed database may not tell.
        if policy.startswith("allkeys"):
            LOG.warning(
                "the database may evict what is kept there: set maxmemory-policy to noeviction",
                extra={"fields": {"database": self._name, "policy": policy}},
            )

    def close(self) -> None:
        """Close the connections; the state stays this exporter's until another one starts."""
        self._client.close()

    def _check_version(self) -> None:
        version = int(self._client.hget(META, "version") or 0)
        if version > VERSION:
            raise ValueError(
                f"it has version {version}, and this exporter knows none above {VERSION}: "
                "use the newer exporter that wrote it, or another database"
            )

    def _write(self, pipeline: Pipeline, batch: Batch) -> None:
        self._turn += 1
        turn = _TURN.pack(self._turn)
        _drop(pipeline, SERIES, map(_value_field, batch.dropped_values))
        _drop(pipeline, DOCUMENTS, map(_document_field, batch.dropped_documents))
        _drop(pipeline, CURSORS, map(_cursor_field, batch.released))
        _drop(pipeline, RELEASED, map(_cursor_field, batch.dropped_releases))
        gone = [field for field in self._places if _component(field) in batch.dropped_components]
        for key in (CURSORS, RELEASED):
            _drop(pipeline, key, gone)
        self._places.difference_update(gone)
        _put(pipeline, SERIES, {_value_field(k): repr(v) for k, v in batch.values.items()})
        _put(pipeline, CURSORS, {_cursor_field(k): turn + v for k, v in batch.cursors.items()})
        _put(pipeline, RELEASED, {_cursor_field(k): str(v) for k, v in batch.released.items()})
        _put(pipeline, DOCUMENTS, {_document_field(k): v for k, v in batch.documents.items()})
        pipeline.hset(META, "saved_at", repr(self._clock()))
        pipeline.hset(META, "batch", self._batch + 1)
        self._places.update(map(_cursor_field, (*batch.cursors, *batch.released)))

    def _refuse(self) -> NoReturn:
        raise ValueError("another exporter has started on it, and one at a time may use it")

    @contextmanager
    def _translated(self, verb: str) -> Iterator[None]:
        """Turn what the database and the network say into one error that names the database."""
        try:
            yield
        except StateRolledBack:
            raise
        except (redis.RedisError, OSError, KeyError, ValueError, struct.error) as error:
            raise StateError(f"state in {self._name} cannot be {verb}: {_why(error)}") from None


def _why(error: Exception) -> str:
    if isinstance(error, redis.AuthenticationError | redis.exceptions.NoPermissionError):
        return "its user or password is wrong, or may not write; see state.url"
    if isinstance(error, redis.TimeoutError):
        return f"no answer within {TIMEOUT_SECONDS:.0f} s"
    if isinstance(error, redis.exceptions.OutOfMemoryError):
        return "its memory is full"
    if isinstance(error, redis.exceptions.ReadOnlyError):
        return "it is a read-only replica"
    return str(error)


def _owner(record: bytes | None) -> tuple[int, str]:
    """The start and the token of an owner; a record without a start is from an older version."""
    start, colon, token = (record or b"").decode().rpartition(":")
    return (int(start) if colon and start.isdigit() else 0), token


def _drop(pipeline: Pipeline, key: str, fields: Iterable[str]) -> None:
    if names := list(fields):
        pipeline.hdel(key, *names)


def _put(pipeline: Pipeline, key: str, fields: dict[Any, Any]) -> None:
    if fields:
        pipeline.hset(key, mapping=fields)


def _value_field(key: ValueKey) -> str:
    return json.dumps([key.metric, key.labels, key.meaning])


def _value_key(field: bytes) -> ValueKey:
    metric, labels, meaning = json.loads(field)
    return ValueKey(metric, tuple(labels), meaning)


def _document_field(key: DocumentKey) -> str:
    return json.dumps([key.kind, key.owner, key.name])


def _document_key(field: bytes) -> DocumentKey:
    kind, owner, name = json.loads(field)
    return DocumentKey(kind, tuple(owner), name)


def _cursor_field(key: CursorKey) -> str:
    return json.dumps([*key.component.parts, key.deployment_id])


def _cursor_key(field: bytes) -> CursorKey:
    app, component, deployment_id = json.loads(field)
    return CursorKey(ComponentKey(app, component), deployment_id)


def _component(field: str) -> ComponentKey:
    app, component, _ = json.loads(field)
    return ComponentKey(app, component)
