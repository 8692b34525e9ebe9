"""Counts, cursors and documents, changed together: kept first if state is durable, then shown.

Everything that may not be lost between two runs passes here under one lock. A scrape takes it too:
it shows all that changed together, or nothing of it. With state in memory a change is shown at
once. With durable state changes gather, and ``flush`` keeps those of all sources in one batch
before it shows them: so a counter never shows what a crash could take back, and no scrape waits for
a disk.
"""

import logging
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    Sequence,
)
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import Any

from exporter.counting.changes import Changes
from exporter.counting.invariants import Invariants
from exporter.counting.shown_series import ShownSeries
from exporter.errors import StateError, StateFenced, StateRolledBack
from exporter.logs.dedup.continuity import Continuity
from exporter.logs.dedup.snapshot import Snapshot
from exporter.model import ComponentKey
from exporter.receiving.batches import BATCHES, MESSAGES
from exporter.state.store import Batch, CursorKey, DocumentKey, State, ValueKey
from exporter.telemetry.declarations import APP, IDENTITY, PREFIX
from exporter.telemetry.declarations import Owner as MetricOwner
from exporter.telemetry.metrics import Metrics
from exporter.telemetry.table import Counter, Gauge

LOG = logging.getLogger(__name__)

GRACE_SECONDS = 6 * 3600.0
"""How long what is known of a component outlives it: it may only be missing from one answer."""

REMEMBERED_RELEASES = 20
"""How many deployments of a component are known that were read to their end."""

CHECK_SECONDS = 10.0
"""How often the store is looked at while nothing changes."""

Owner = tuple[str, ...]
"""Whose a series is: (app, component), or (app,) of those about an app as a whole."""

Document = bytes | Callable[[], bytes]


class Ledger:
    """The counts, cursors and documents of every component.

    Args:
        clock: Unix seconds.
        fenced: called once a save is refused since another exporter owns the state. Given where
            others may continue from what is saved: nothing is then shown before it is saved.

    Raises:
        StateError: the state cannot be read, or holds a cursor that cannot.
    """

    def __init__(
        self,
        metrics: Metrics,
        state: State,
        clock: Callable[[], float],
        *,
        fenced: Callable[[], None] | None = None,
    ) -> None:
        self._lock = metrics.lock
        self._metrics = metrics
        self.invariants = Invariants(metrics)
        self._state = state
        self._clock = clock
        self._fenced = fenced
        saved = state.load()
        self.first_start = saved.first_start
        self.saved_at = saved.saved_at
        self._values = dict(saved.values)
        self._released = dict(saved.released)
        self._stored = _snapshots(saved.cursors)
        self._cursors: dict[CursorKey, Continuity] = {}
        self._documents: dict[tuple[str, Owner], dict[str, Document]] = {}
        for key, data in saved.documents.items():
            self._documents.setdefault((key.kind, key.owner), {})[key.name] = data
        self._gone = dict.fromkeys(self._owners(), clock())
        self._unsaved = Changes()
        self._shown = ShownSeries(self.invariants)
        self._unshown: list[partial[None]] = []
        self._flushing = Lock()
        self._failing = False
        self.problem = ""
        """Why the latest attempt to save failed; empty where it did not."""
        self._ended = False
        self._saved = clock()
        self._rollbacks = state.rollbacks
        metrics.state_up.set(1)

    def transaction(self) -> AbstractContextManager[object]:
        """What changes within the block changes as one, for a save as for a scrape.

        Every method but ``flush``, ``end`` and ``abandon`` is called within one. It is the lock of
        the account: no request is sent within it, and none is entered within another.
        """
        return self._lock

    def add(self, metric: Counter, labels: Sequence[str], amount: float, meaning: str = "") -> None:
        """Count ``amount`` more."""
        key = ValueKey(metric.name, tuple(labels), meaning)
        self._change(key, self._values.get(key, 0.0) + amount, metric)

    def put(self, metric: Gauge, labels: Sequence[str], value: float) -> None:
        """Set a gauge that outlives the process."""
        self._change(ValueKey(metric.name, tuple(labels)), value, metric)

    def begin(self, metric: Counter | Gauge, labels: Sequence[str], meaning: str = "") -> None:
        """Make a series; it continues from what is kept, and shows the rest once that is."""
        key = ValueKey(metric.name, tuple(labels), meaning)
        self._shown.begin(key, metric, self._values.get(key))

    def withdraw(self, metric: Counter | Gauge, labels: Sequence[str], meaning: str = "") -> None:
        """Remove a series; what is known of it is kept."""
        metric.remove(*labels)
        self._shown.withdraw(ValueKey(metric.name, tuple(labels), meaning))

    def put_all(self, values: Mapping[ValueKey, float], show: Callable[[], None]) -> None:
        """Set several numbers, of which one thing is shown once they are kept together.

        Their labels begin with those of the component that they belong to.
        """
        changed = {key: value for key, value in values.items() if self._values.get(key) != value}
        self._values.update(changed)
        if not self._state.durable:
            show()
            return
        for key in changed:
            self._unsaved.change_value(key)
        self._unshown.append(partial(show))

    def values_of_rules(self) -> dict[ValueKey, float]:
        """Everything that is kept of the metrics that rules feed."""
        values = self._values.items()
        return {key: value for key, value in values if not key.metric.startswith(PREFIX)}

    def drop(self, keys: Collection[ValueKey]) -> None:
        """Keep some numbers no longer."""
        for key in keys:
            self._forget_value(key)
        self._unsaved.drop_values(keys)

    def note(self, metric: Counter, labels: Sequence[str], value: float, meaning: str) -> None:
        """Keep a number that belongs to a counter and is not shown."""
        key = ValueKey(metric.name, tuple(labels), meaning)
        self._values[key] = value
        if self._state.durable:
            self._unsaved.change_value(key)

    def value(self, metric: Counter | Gauge, labels: Sequence[str], meaning: str = "") -> float:
        """What a series or a note stands at; 0 if nothing is known of it."""
        return self._values.get(ValueKey(metric.name, tuple(labels), meaning), 0.0)

    def known(self, metric: Counter | Gauge) -> list[tuple[str, ...]]:
        """The labels of every series of a metric that something is known of."""
        name = metric.name
        return [key.labels for key in self._values if key.metric == name]

    def continuity(self, key: CursorKey, begin: Callable[[int], Continuity]) -> Continuity:
        """The cursor of a deployment, made at its first use.

        Args:
            begin: makes one from the newest timestamp (ns) that was read of this deployment
                before it was released, 0 if it never was.
        """
        if key not in self._cursors:
            continuity = begin(self._released.get(key, 0))
            stored = self._stored.pop(key, None)
            if stored is not None:
                continuity.restore(stored)
            self._cursors[key] = continuity
        return self._cursors[key]

    def touch(self, key: CursorKey) -> None:
        """The cursor has moved: it belongs to the counts that changed with it."""
        self._unsaved.cursors.add(key)

    def deployments(self, component: ComponentKey) -> list[str]:
        """The deployments of a component that are not read to their end, oldest use first."""
        keys = [*self._stored, *self._cursors]
        return [key.deployment_id for key in keys if key.component == component]

    def newest(self) -> dict[ComponentKey, int]:
        """The newest line of each component that was counted, in Unix nanoseconds."""
        newest: dict[ComponentKey, int] = {}
        for cursors in (self._stored, self._cursors):
            for key, cursor in cursors.items():
                newest[key.component] = max(newest.get(key.component, 0), cursor.newest)
        return newest

    def release(self, key: CursorKey) -> None:
        """Release a deployment that was read to its end."""
        stored = self._stored.pop(key, None)
        cursor = self._cursors.pop(key, None) or stored
        self._unsaved.cursors.discard(key)
        newest = max(cursor.newest if cursor else 0, self._released.get(key, 0))
        self._released[key] = self._unsaved.released[key] = newest
        of_component = [other for other in self._released if other.component == key.component]
        if len(of_component) > REMEMBERED_RELEASES:
            oldest = min(of_component, key=self._released.__getitem__)
            del self._released[oldest]
            self._unsaved.forget_release(oldest)

    def keep(self, kind: str, owner: Owner, name: str, data: Document) -> None:
        """Keep a document; it belongs to the counts that change under the same lock.

        Args:
            data: its bytes, or what makes them when they are asked for or saved.
        """
        self._documents.setdefault((kind, owner), {})[name] = data
        self._unsaved.change_document(DocumentKey(kind, owner, name))

    def discard(self, kind: str, owner: Owner, name: str) -> None:
        """Drop a document, if there is one of that name."""
        documents = self._documents.get((kind, owner), {})
        if documents.pop(name, None) is not None:
            self._unsaved.drop_document(DocumentKey(kind, owner, name))
        if not documents:
            self._documents.pop((kind, owner), None)

    def kept(self, kind: str, owner: Owner) -> dict[str, bytes]:
        """The documents of one kind and owner, by name."""
        documents = self._documents.get((kind, owner), {})
        return {name: _bytes(data) for name, data in documents.items()}

    def open(self, *owner: str) -> None:
        """A component or an app is watched, perhaps again."""
        self._gone.pop(owner, None)

    def close(self, *owner: str) -> None:
        """A component or an app is gone; what is known of it is kept for the grace period."""
        self._gone[owner] = self._clock()
        for key in self._shown.waiting():
            if self._owner(key) == owner:
                self._shown.withdraw(key)

    def expire(self) -> None:
        """Drop what is known of components and apps that have been gone for the grace period."""
        now = self._clock()
        for owner in [owner for owner, at in self._gone.items() if now - at > GRACE_SECONDS]:
            del self._gone[owner]
            values = [key for key in self._values if self._owner(key) == owner]
            for key in values:
                self._forget_value(key)
            self._unsaved.drop_values(values)
            for kind in [kind for kind, other in self._documents if other == owner]:
                for name in list(self._documents[kind, owner]):
                    self.discard(kind, owner, name)
            if len(owner) == len(IDENTITY):
                component = ComponentKey(*owner)
                self._unsaved.drop_component(component)
                for entries in (self._stored, self._cursors, self._released):
                    _drop(entries, component)

    def flush(self) -> bool:
        """Keep what has changed, then show it; shown it is even if it cannot be kept.

        Returns:
            False if it could not be kept; it is tried again with the next flush, as it is after
            an error that nobody foresaw, which is raised.
        """
        with self._flushing:
            if self._ended:
                return True
            with self._lock:
                taken, self._unsaved = self._unsaved, Changes()
                unshown, self._unshown = self._unshown, []
                batch, cursors = self._batch(taken), self._snapshots(taken)
                self.invariants.cursors_move(batch.values, _moved(batch, cursors))
            show_values = True
            try:
                if self._rollbacks != self._state.rollbacks:
                    self._save_all()
                    self._note(None)
                elif taken or self._is_check_due():
                    # Bytes are made of values that stay what they are, so counting need not wait.
                    written = {key: snapshot.to_bytes() for key, snapshot in cursors.items()}
                    try:
                        self._state.save(replace(batch, cursors=written))
                    except StateRolledBack as error:
                        LOG.error(
                            "the state went back, saving everything again",
                            extra={"fields": {"problem": error}},
                        )
                        self._save_all()
                    self._saved = self._clock()
                    self._note(None)
            except Exception as error:
                if self._fenced is not None and isinstance(error, StateFenced):
                    show_values, unshown = False, []
                    self._ended = True
                    self._fenced()
                    return False
                with self._lock:
                    self._unsaved.join(taken)
                    if self._fenced is not None:
                        show_values = False
                        self._unshown, unshown = unshown + self._unshown, []
                self._note(error)
                if not isinstance(error, StateError):
                    raise
            finally:
                with self._lock:
                    if show_values:
                        self._shown.publish(batch.values, self._unsaved.values)
                    for show in unshown:
                        show()
            return not self._failing

    def _is_check_due(self) -> bool:
        """Whether to save an empty batch, which tells if the store went back, or is gone."""
        waited = abs(self._clock() - self._saved)
        return self._state.durable and waited >= CHECK_SECONDS

    def _save_all(self) -> None:
        """Save all that is known, and drop what the store holds beside it."""
        rollbacks = self._state.rollbacks
        there = self._state.load()
        with self._lock:
            cursors = {key: each.snapshot() for key, each in self._cursors.items()}
            cursors = {**self._stored, **cursors}
            values, released = dict(self._values), dict(self._released)
            documents = {
                DocumentKey(kind, owner, name): _bytes(data)
                for (kind, owner), named in self._documents.items()
                for name, data in named.items()
            }
        self._state.save(
            Batch(
                values=values,
                cursors={key: snapshot.to_bytes() for key, snapshot in cursors.items()},
                released=released,
                documents=documents,
                dropped_values=frozenset(there.values.keys() - values.keys()),
                dropped_releases=frozenset(there.released.keys() - released.keys()),
                dropped_documents=frozenset(there.documents.keys() - documents.keys()),
                dropped_components=frozenset(
                    key.component for key in there.cursors.keys() - cursors.keys() - released.keys()
                )
                - {key.component for key in cursors},
            )
        )
        self._metrics.state_rollbacks.inc(rollbacks - self._rollbacks)
        self._rollbacks = rollbacks

    def after_commit(self, action: partial[None]) -> None:
        """Do something once what changed so far is kept; at once where state is not durable."""
        if self._state.durable:
            self._unshown.append(action)
        else:
            action()

    def end(self) -> None:
        """Keep what has changed for the last time; whatever happens, nothing is kept after it."""
        try:
            self.flush()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Save and show nothing from now on: somebody else may own the state."""
        with self._flushing:
            self._ended = True
            self._state.close()

    def _change(self, key: ValueKey, value: float, metric: Counter | Gauge) -> None:
        before = self._values.get(key, 0.0)
        self._values[key] = value
        if not self._state.durable:
            metric.labels(*key.labels).set(value)
            return
        self._shown.await_save(key, metric, before)
        self._unsaved.change_value(key)

    def _forget_value(self, key: ValueKey) -> None:
        del self._values[key]
        self._shown.forget(key)

    def _snapshots(self, changes: Changes) -> dict[CursorKey, Snapshot]:
        """The cursors that changed, as of now."""
        if not self._state.durable:
            return {}
        known = changes.cursors & self._cursors.keys()
        return {key: self._cursors[key].snapshot() for key in known}

    def _batch(self, changes: Changes) -> Batch:
        """What else changed, as of now."""
        return Batch(
            values={key: self._values[key] for key in changes.values},
            released=dict(changes.released),
            documents={
                key: _bytes(self._documents[key.kind, key.owner][key.name])
                for key in changes.documents
                if self._state.durable
            },
            dropped_values=frozenset(changes.dropped_values),
            dropped_releases=frozenset(changes.dropped_releases),
            dropped_documents=frozenset(changes.dropped_documents),
            dropped_components=frozenset(changes.dropped_components),
        )

    def _owners(self) -> set[Owner]:
        """Everything that something is known of."""
        cursors = {key.component.parts for key in (*self._stored, *self._released)}
        documents = {owner for _, owner in self._documents}
        return cursors | documents | {self._owner(key) for key in self._values}

    def _owner(self, key: ValueKey) -> Owner:
        # What is not declared belongs to rules, and so to components.
        declaration = self._metrics.declaration(key.metric)
        about_app = declaration is not None and declaration.owner is not MetricOwner.COMPONENT
        return key.labels[: len(APP) if about_app else len(IDENTITY)]

    def _note(self, error: Exception | None) -> None:
        """Show whether saving works; say so when that is news."""
        if error is not None:
            self._metrics.state_errors.inc()
            if not self._failing:
                LOG.error(
                    "state cannot be saved: counting continues in memory, saving is tried again",
                    extra={"fields": {"problem": error}},
                )
        elif self._failing:
            LOG.info("state can be saved again; nothing is missing from it")
        self._failing = error is not None
        self.problem = str(error) if error is not None else ""
        self._metrics.state_up.set(not self._failing)


def _moved(batch: Batch, cursors: Iterable[CursorKey]) -> Iterator[Owner]:
    """The components of which a batch holds where their logs were read to."""
    for cursor in (*cursors, *batch.released):
        yield cursor.component.parts
    for document in batch.documents:
        if document.kind in (BATCHES, MESSAGES):
            yield document.owner


def _bytes(document: Document) -> bytes:
    return document if isinstance(document, bytes) else document()


def _snapshots(cursors: Mapping[CursorKey, bytes]) -> dict[CursorKey, Snapshot]:
    snapshots = {}
    for key, data in cursors.items():
        try:
            snapshots[key] = Snapshot.from_bytes(data)
        except ValueError as error:
            raise StateError(
                f"state of {key.component}: {error}; restore a copy, or move the state away to "
                "start again"
            ) from None
    return snapshots


def _drop(entries: MutableMapping[CursorKey, Any], component: ComponentKey) -> None:
    for key in [key for key in entries if key.component == component]:
        del entries[key]
