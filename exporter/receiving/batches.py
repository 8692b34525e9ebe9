"""The batches of one component that were counted lately, so that one that comes again is known.

Senders try a batch again whose answer they did not get. Digests are kept in blocks, each a document
of the state, so that a commit writes one small document.
"""

import struct
from collections.abc import Mapping

from exporter.receiving.records import DIGEST_BYTES

BLOCK = 128
BLOCKS = 32
REMEMBERED = BLOCK * (BLOCKS - 1)
"""So many batches are known at least, as long as they are not older than ``KEPT_SECONDS``."""

KEPT_SECONDS = 3600.0

BATCHES = "received_batches"
MESSAGES = "received_messages"
"""Kinds of documents in the state that say which pushed lines of a component were counted."""

_ENTRY = struct.Struct(f"<{DIGEST_BYTES}sd")


class RecentBatches:
    """Digests of batches, the oldest block of which is dropped where there are too many.

    Args:
        documents: blocks by name, as ``document`` wrote them.

    Raises:
        ValueError: a document is none that was written here.
    """

    def __init__(self, documents: Mapping[str, bytes]) -> None:
        self._blocks: dict[int, dict[bytes, float]] = {}
        for name, data in documents.items():
            if len(data) % _ENTRY.size or not name.isdigit():
                raise ValueError("a document of received batches is damaged")
            self._blocks[int(name)] = dict(_ENTRY.iter_unpack(data))
        newest = {number: max(block.values()) for number, block in self._blocks.items() if block}
        self._current = max(newest, key=newest.__getitem__, default=0)

    def knows(self, digest: bytes, now: float) -> bool:
        """Whether a batch was counted lately; ``now``: Unix seconds."""
        counted = (block.get(digest) for block in self._blocks.values())
        return any(at is not None and now - at < KEPT_SECONDS for at in counted)

    def add(self, digest: bytes, now: float) -> str:
        """Remember a batch that is counted now; returns the name of the document that changed."""
        block = self._blocks.setdefault(self._current, {})
        if len(block) >= BLOCK:
            self._current = (self._current + 1) % BLOCKS
            block = self._blocks[self._current] = {}
        block[digest] = now
        return str(self._current)

    def document(self, name: str) -> bytes:
        """A block as bytes."""
        return b"".join(_ENTRY.pack(*entry) for entry in self._blocks[int(name)].items())
