"""State in memory: where each log was read up to, for as long as the process lives."""

from collections.abc import Callable
from typing import Generic, TypeVar

from exporter.model import ComponentKey

Cursor = TypeVar("Cursor")

_REMEMBERED_RELEASES = 20


class MemoryState(Generic[Cursor]):
    """One cursor for each deployment of each component that is being read.

    A deployment that was read to its end is released: only the newest time it held is kept, for
    the case that it comes back by a rollback.
    """

    def __init__(self) -> None:
        self._cursors: dict[ComponentKey, dict[str, Cursor]] = {}
        self._released: dict[ComponentKey, dict[str, int]] = {}

    def cursor(
        self, key: ComponentKey, deployment_id: str, begin: Callable[[int], Cursor]
    ) -> Cursor:
        """The cursor of a deployment, made at its first use.

        Args:
            begin: makes one from the newest timestamp (ns) that was read of this deployment
                before it was released, 0 if it never was.
        """
        cursors = self._cursors.setdefault(key, {})
        if deployment_id not in cursors:
            cursors[deployment_id] = begin(self._released.get(key, {}).get(deployment_id, 0))
        return cursors[deployment_id]

    def release(self, key: ComponentKey, deployment_id: str, newest: int) -> None:
        """Let go of a deployment that was read to its end, up to ``newest`` (ns)."""
        self._cursors.get(key, {}).pop(deployment_id, None)
        released = self._released.setdefault(key, {})
        released[deployment_id] = max(newest, released.pop(deployment_id, 0))
        for stale in list(released)[:-_REMEMBERED_RELEASES]:
            del released[stale]

    def forget(self, key: ComponentKey) -> None:
        """Let go of a component that is gone."""
        self._cursors.pop(key, None)
        self._released.pop(key, None)
