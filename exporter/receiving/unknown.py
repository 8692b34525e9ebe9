"""Lines of components that are not watched, kept for some minutes in case discovery is behind."""

import logging
from collections.abc import Iterator, Mapping

from exporter.model import ComponentKey

LOG = logging.getLogger(__name__)

KEPT_SECONDS = 600.0
MAX_BYTES = 8 * 1024 * 1024
"""So much is kept of all components together; of more nothing is kept."""


class UnknownLines:
    """Lines by component and batch; used under a lock of its owner."""

    def __init__(self) -> None:
        self._batches: dict[ComponentKey, dict[bytes, list[bytes]]] = {}
        self._first_seen: dict[ComponentKey, float] = {}
        self._bytes = 0

    def __iter__(self) -> Iterator[ComponentKey]:
        return iter(list(self._batches))

    def add(self, digest: bytes, lines: Mapping[ComponentKey, list[bytes]], now: float) -> None:
        """Keep the lines of a batch that are of components nobody watches.

        Args:
            now: Unix seconds.
        """
        self.expire(now)
        for key, raws in lines.items():
            if key not in self._first_seen:
                LOG.warning(
                    "lines received of a component that is not watched; they count if it is "
                    "discovered within some minutes",
                    extra={"fields": {"source": key, "lines": len(raws)}},
                )
            self._first_seen.setdefault(key, now)
            size = sum(map(len, raws))
            if self._bytes + size <= MAX_BYTES:
                batches = self._batches.setdefault(key, {})
                self._bytes += 0 if digest in batches else size
                batches.setdefault(digest, raws)

    def pop(self, key: ComponentKey) -> dict[bytes, list[bytes]]:
        """Return and drop the kept lines of a component that is watched by now, by batch."""
        self._first_seen.pop(key, None)
        batches = self._batches.pop(key, {})
        self._bytes -= sum(len(raw) for raws in batches.values() for raw in raws)
        return batches

    def expire(self, now: float) -> None:
        """Drop what was kept for long enough; it is logged again when more comes."""
        for key, since in list(self._first_seen.items()):
            if now - since > KEPT_SECONDS:
                self.pop(key)
