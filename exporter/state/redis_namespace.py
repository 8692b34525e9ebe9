"""One namespace of a database of Redis or Valkey."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

import redis
from redis.client import Pipeline

from exporter.state.columns import cursor_key, cursor_text, document_text, value_text
from exporter.state.fence import Fence
from exporter.state.redis_client import (
    drop_fields,
    get_field,
    get_fields,
    put_fields,
    transaction,
)
from exporter.state.redis_layout import (
    TURN,
    Keys,
    prepare,
    read_claim,
    read_namespace,
    record_claim,
)
from exporter.state.store import Batch, CursorKey, Saved


class RedisState:
    """One namespace, read and saved as long as its claim stands.

    Args:
        client: the store's connections.
        fence: the claim, and what was saved under it.
        clock: Unix seconds.
        translated: turns errors of the library into StateError, given a verb.
    """

    durable = True

    def __init__(
        self,
        client: redis.Redis,
        namespace: str,
        fence: Fence,
        clock: Callable[[], float],
        translated: Callable[[str], AbstractContextManager[None]],
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._keys = Keys.of(namespace)
        self._fence = fence
        self._clock = clock
        self._translated = translated
        self._first_start = clock
        self._turn = 0
        self._places: set[str] = set()

    @property
    def rollbacks(self) -> int:
        """How often the database was found to hold less than was saved there."""
        return self._fence.rollbacks

    def load(self) -> Saved:
        """Read the namespace piece by piece.

        Raises:
            StateFenced: another exporter owns the namespace by now.
            StateError: it cannot be read, or holds what no state does.
        """
        with self._translated("read"):
            self._reassert("read")
            self._client.hsetnx(self._keys.meta, "first_start", repr(self._first_start()))
            meta = get_fields(self._client, self._keys.meta)
            saved, self._turn = read_namespace(self._client, self._keys, meta)
            # While the claim is this one nobody else writes, so the pieces belong together.
            self._fence.refuse_other(read_claim(self._client, self._namespace), "read")
            self._fence.loaded(int(meta.get(b"batch", 0)))
            self._first_start = lambda: saved.first_start
            self._places = {cursor_text(key) for key in (*saved.cursors, *saved.released)}
            return saved

    def save(self, batch: Batch) -> None:
        """Save a batch in one transaction.

        Raises:
            StateFenced: another exporter owns the namespace by now.
            StateRolledBack: the database holds less than was saved there.
            StateError: it cannot be written. Where no answer came the batch may have been kept
                all the same; as it holds what series stand at, saving it again changes nothing.
        """
        with self._translated("written"), self._client.pipeline() as pipeline:
            # The library has no type for it.
            pipeline.watch(self._keys.owner, self._keys.meta)  # type: ignore[no-untyped-call]
            recorded = read_claim(pipeline, self._namespace)
            kept = int(get_field(pipeline, self._keys.meta, "batch") or 0)
            if self._fence.went_back(recorded, kept):
                self._reassert("written")
                raise self._fence.report_rollback(recorded, kept)
            pipeline.multi()
            self._write(pipeline, batch, kept + 1)
            try:
                pipeline.execute()
            except redis.WatchError:
                self._fence.refuse_other(read_claim(self._client, self._namespace), "written")
                raise
            self._fence.saved(kept + 1)

    def close(self) -> None:
        """Do nothing: the connections are the store's."""

    def _reassert(self, verb: str) -> None:
        """Record the claim again, if the database went back behind it.

        Raises:
            StateFenced: another exporter owns the namespace by now.
        """
        prepare(self._client)

        def reassert(pipeline: Pipeline) -> None:
            recorded = read_claim(pipeline, self._namespace)
            self._fence.refuse_other(recorded, verb)
            pipeline.multi()
            if recorded != self._fence.held:
                record_claim(pipeline, self._namespace, self._fence.held)

        transaction(self._client, reassert, self._keys.owner)

    def _write(self, pipeline: Pipeline, batch: Batch, number: int) -> None:
        keys = self._keys
        drop_fields(pipeline, keys.series, map(value_text, batch.dropped_values))
        drop_fields(pipeline, keys.documents, map(document_text, batch.dropped_documents))
        drop_fields(pipeline, keys.cursors, map(cursor_text, batch.released))
        drop_fields(pipeline, keys.released, map(cursor_text, batch.dropped_releases))
        dropped = batch.dropped_components
        gone = {place for place in self._places if cursor_key(place).component in dropped}
        for key in (keys.cursors, keys.released):
            drop_fields(pipeline, key, gone)
        self._places.difference_update(gone)
        for key, fields in (
            (keys.series, {value_text(key): repr(value) for key, value in batch.values.items()}),
            (keys.cursors, self._numbered(batch.cursors)),
            (keys.released, {cursor_text(key): str(at) for key, at in batch.released.items()}),
            (keys.documents, {document_text(key): data for key, data in batch.documents.items()}),
        ):
            put_fields(pipeline, key, fields)
        if batch.first_start is None:
            pipeline.hsetnx(keys.meta, "first_start", repr(self._first_start()))
        else:
            put_fields(pipeline, keys.meta, {"first_start": repr(batch.first_start)})
        put_fields(pipeline, keys.meta, {"saved_at": repr(self._clock()), "batch": number})
        self._places.update(map(cursor_text, (*batch.cursors, *batch.released)))

    def _numbered(self, cursors: Mapping[CursorKey, bytes]) -> dict[str, bytes]:
        """Put before each cursor when it was saved."""
        first = self._turn + 1
        self._turn += len(cursors)
        return {
            cursor_text(key): TURN.pack(turn) + data
            for turn, (key, data) in enumerate(cursors.items(), first)
        }
