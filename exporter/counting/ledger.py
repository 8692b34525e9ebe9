"""Counts, cursors and documents, changed together: kept first if state is durable, then shown.

Everything that may not be lost between two runs passes here under one lock. A scrape takes it too:
it shows all that changed together, or nothing of it. With state in memory a change is shown at
once. With durable state changes gather, and ``flush`` keeps those of all sources in one batch
before it shows them: so a counter never shows what a crash could take back, and no scrape waits for
a disk.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock

from exporter.counting.changes import Changes
from exporter.counting.cursors import Cursors
from exporter.counting.documents import Documents, Owner
from exporter.counting.invariants import Invariants
from exporter.counting.save_health import SaveHealth
from exporter.counting.shown_series import ShownSeries
from exporter.errors import StateError, StateFenced, StateRolledBack
from exporter.logs.dedup.snapshot import Snapshot
from exporter.model import ComponentKey
from exporter.receiving.batches import BATCHES, MESSAGES
from exporter.state.store import Batch, CursorKey, State, ValueKey
from exporter.telemetry.declarations import APP, IDENTITY, PREFIX
from exporter.telemetry.declarations import Owner as MetricOwner
from exporter.telemetry.metrics import Metrics
from exporter.telemetry.table import Counter, Gauge

LOG = logging.getLogger(__name__)

GRACE_SECONDS = 6 * 3600.0
"""How long what is known of a component outlives it: it may only be missing from one answer."""

CHECK_SECONDS = 10.0
"""How often the store is looked at while nothing changes."""


class Ledger:
    """The counts, cursors and documents of every component.

    Args:
        clock: Unix seconds.
        fenced: called once a save is refused since another exporter owns the state. Given where
            others may continue from what is saved: nothing is then shown before it is saved.
        start_error: by how many seconds the platform's clock was ahead when this process started,
            as far as is known by now.

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
        start_error: Callable[[], float] = float,
    ) -> None:
        self._lock = metrics.lock
        self._metrics = metrics
        self.invariants = Invariants(metrics)
        self._state = state
        self._clock = clock
        self._fenced = fenced
        saved = state.load()
        self.saved_at = saved.saved_at
        self._began = self._saved_start = saved.first_start
        if self.saved_at is None:  # a process that saved nothing may have had a wrong clock
            self._began = min(saved.first_start, clock())
        self._start_error = start_error
        self._unsaved = Changes()
        self._values = dict(saved.values)
        self.cursors = Cursors(saved.cursors, saved.released, self._unsaved)
        self.documents = Documents(saved.documents, self._unsaved)
        self._gone = dict.fromkeys(self._owners(), clock())
        self._shown = ShownSeries(self.invariants)
        self._unshown: list[partial[None]] = []
        self._flushing = Lock()
        self.health = SaveHealth(metrics)
        self._ended = False
        self._saved = clock()
        self._rollbacks = state.rollbacks

    @property
    def first_start(self) -> float:
        """When the exporter first started on this state, in Unix seconds of the platform.

        The first process takes the time of its own clock until the platform has answered; others
        know from the state what it has learned.
        """
        return self._began + (self._start_error() if self.saved_at is None else 0.0)

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
            self.documents.drop_owner(owner)
            if len(owner) == len(IDENTITY):
                self.cursors.drop_component(ComponentKey(*owner))

    def flush(self) -> bool:
        """Keep what has changed, then show it; shown it is even if it cannot be kept.

        Returns:
            False if it could not be kept; it is tried again with the next flush, as it is after
            an error that nobody foresaw, which is raised.
        """
        with self._flushing:
            if self._ended:
                return True
            taken = self._take()
            try:
                self._save(taken)
            except StateFenced as error:
                if self._fenced is None:
                    self._not_saved(taken, error)
                else:
                    self._ended = True
                    self._fenced()
                    return False
            except StateError as error:
                self._not_saved(taken, error)
            except Exception as error:
                self._not_saved(taken, error)
                raise
            else:
                self._show(taken)
            return not self.health.failing

    def _take(self) -> "_Taken":
        """What has changed up to now; what changes from now on belongs to the next save."""
        with self._lock:
            changes = self._unsaved.take()
            unshown, self._unshown = self._unshown, []
            cursors = self.cursors.snapshots(changes.cursors if self._state.durable else ())
            taken = _Taken(changes, self._batch(changes), cursors, unshown)
            self.invariants.cursors_move(taken.batch.values, taken.moved())
        return taken

    def _save(self, taken: "_Taken") -> None:
        """Save what was taken, or all that is known where the store went back."""
        if self._rollbacks != self._state.rollbacks:
            self._save_all()
        elif taken.changes or self._is_check_due():
            try:
                self._state.save(taken.encoded())
            except StateRolledBack as error:
                LOG.error(
                    "the state went back, saving everything again",
                    extra={"fields": {"problem": error}},
                )
                self._save_all()
            self._saved = self._clock()
        else:
            return
        if taken.batch.first_start is not None:
            self._saved_start = taken.batch.first_start
        self.health.succeeded()

    def _not_saved(self, taken: "_Taken", error: Exception) -> None:
        """Keep it for the next flush; show it, unless others may continue from what is saved."""
        self.health.failed(error)
        with self._lock:
            self._unsaved.join(taken.changes)
            if self._fenced is not None:
                self._unshown = taken.unshown + self._unshown
        if self._fenced is None:
            self._show(taken)

    def _show(self, taken: "_Taken") -> None:
        with self._lock:
            self._shown.publish(taken.batch.values, self._unsaved.values)
            for show in taken.unshown:
                show()

    def _is_check_due(self) -> bool:
        """Whether to save an empty batch, which tells if the store went back, or is gone."""
        waited = abs(self._clock() - self._saved)
        return self._state.durable and waited >= CHECK_SECONDS

    def _save_all(self) -> None:
        """Save all that is known, and drop what the store holds beside it."""
        rollbacks = self._state.rollbacks
        there = self._state.load()
        with self._lock:
            cursors = self.cursors.all_snapshots()
            values, released = dict(self._values), dict(self.cursors.released)
            documents = {key: self.documents.data(key) for key in self.documents}
        gone = there.cursors.keys() - cursors.keys() - released.keys()
        self._state.save(
            Batch(
                values=values,
                cursors={key: snapshot.to_bytes() for key, snapshot in cursors.items()},
                released=released,
                documents=documents,
                dropped_values=frozenset(there.values.keys() - values.keys()),
                dropped_releases=frozenset(there.released.keys() - released.keys()),
                dropped_documents=frozenset(there.documents.keys() - documents.keys()),
                dropped_components=frozenset(key.component for key in gone)
                - {key.component for key in cursors},
                first_start=self.first_start,
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

    def _batch(self, changes: Changes) -> Batch:
        """What else changed, as of now."""
        first_start = None if self.first_start == self._saved_start else self.first_start
        if not changes:
            return Batch(first_start=first_start)
        return Batch(
            values={key: self._values[key] for key in changes.values},
            released=dict(changes.released),
            documents={
                key: self.documents.data(key) for key in changes.documents if self._state.durable
            },
            dropped_values=frozenset(changes.dropped_values),
            dropped_releases=frozenset(changes.dropped_releases),
            dropped_documents=frozenset(changes.dropped_documents),
            dropped_components=frozenset(changes.dropped_components),
            first_start=first_start,
        )

    def _owners(self) -> set[Owner]:
        """Everything that something is known of."""
        read = {component.parts for component in self.cursors.components()}
        return read | self.documents.owners() | {self._owner(key) for key in self._values}

    def _owner(self, key: ValueKey) -> Owner:
        # What is not declared belongs to rules, and so to components.
        declaration = self._metrics.declaration(key.metric)
        about_app = declaration is not None and declaration.owner is not MetricOwner.COMPONENT
        return key.labels[: len(APP) if about_app else len(IDENTITY)]


@dataclass(frozen=True, slots=True)
class _Taken:
    """What one flush saves and shows.

    Args:
        changes: what has changed, by name.
        batch: what it stands at, without the cursors.
        cursors: the cursors that changed, not encoded yet.
        unshown: what to do once it is saved.
    """

    changes: Changes
    batch: Batch
    cursors: Mapping[CursorKey, Snapshot]
    unshown: list[partial[None]]

    def encoded(self) -> Batch:
        """The batch with its cursors.

        Bytes are made of values that stay what they are, so counting need not wait for them.
        """
        cursors = {key: snapshot.to_bytes() for key, snapshot in self.cursors.items()}
        return replace(self.batch, cursors=cursors)

    def moved(self) -> Iterator[Owner]:
        """The components of which it holds where their logs were read to."""
        for cursor in (*self.cursors, *self.batch.released):
            yield cursor.component.parts
        for document in self.batch.documents:
            if document.kind in (BATCHES, MESSAGES):
                yield document.owner
