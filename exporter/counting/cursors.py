"""Cursors: how far the logs of each deployment of each component were read."""

from collections.abc import Callable, Iterable, Mapping, MutableMapping
from typing import Any

from exporter.counting.changes import Changes
from exporter.errors import StateError
from exporter.logs.dedup.continuity import Continuity
from exporter.logs.dedup.snapshot import Snapshot
from exporter.model import ComponentKey
from exporter.state.store import CursorKey

REMEMBERED_RELEASES = 20
"""How many deployments of a component are known that were read to their end."""


class Cursors:
    """The cursors of every component; used within the ledger's transactions.

    Args:
        saved: those that are kept from before, encoded.
        released: the newest timestamp (ns) of each deployment that was read to its end.
        unsaved: takes note of what has to be saved.

    Raises:
        StateError: a saved cursor cannot be read.
    """

    def __init__(
        self,
        saved: Mapping[CursorKey, bytes],
        released: Mapping[CursorKey, int],
        unsaved: Changes,
    ) -> None:
        self._stored = _decoded(saved)
        self._cursors: dict[CursorKey, Continuity] = {}
        self.released = dict(released)
        """The newest timestamp (ns) of each deployment that was read to its end."""
        self._unsaved = unsaved

    def continuity(self, key: CursorKey, begin: Callable[[int], Continuity]) -> Continuity:
        """The cursor of a deployment, made at its first use.

        Args:
            begin: makes one from the newest timestamp (ns) that was read of this deployment
                before it was released, 0 if it never was.
        """
        if key not in self._cursors:
            continuity = begin(self.released.get(key, 0))
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
        newest = max(cursor.newest if cursor else 0, self.released.get(key, 0))
        self.released[key] = self._unsaved.released[key] = newest
        of_component = [other for other in self.released if other.component == key.component]
        if len(of_component) > REMEMBERED_RELEASES:
            oldest = min(of_component, key=self.released.__getitem__)
            del self.released[oldest]
            self._unsaved.forget_release(oldest)

    def drop_component(self, component: ComponentKey) -> None:
        """Drop everything that is known of a component."""
        self._unsaved.drop_component(component)
        for entries in (self._stored, self._cursors, self.released):
            _drop(entries, component)

    def components(self) -> set[ComponentKey]:
        """The components that something is known of before their logs are read again."""
        return {key.component for key in (*self._stored, *self.released)}

    def snapshots(self, keys: Iterable[CursorKey]) -> dict[CursorKey, Snapshot]:
        """Those of some cursors that are in use, as of now."""
        return {key: self._cursors[key].snapshot() for key in keys if key in self._cursors}

    def all_snapshots(self) -> dict[CursorKey, Snapshot]:
        """Those of every cursor, as of now."""
        return {**self._stored, **self.snapshots(self._cursors)}


def _decoded(saved: Mapping[CursorKey, bytes]) -> dict[CursorKey, Snapshot]:
    snapshots = {}
    for key, data in saved.items():
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
