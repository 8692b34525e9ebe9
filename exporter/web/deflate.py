"""gzip put together from pieces that were compressed one by one, so that unchanged ones are kept.

The pieces are one deflate stream in one member, as pigz makes them: each ends at a byte and looks
back at no other. Several members would be legal too, but some clients read the first alone.
"""

import zlib
from collections.abc import Sequence

LEVEL = 1
"""Lines of metrics repeat so much that higher levels gain little and take several times as long."""

_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x04\xff"
"""The beginning of a gzip file: deflate, no name, no time, fastest, no system."""

_LAST_PIECE = b"\x03\x00"


class Piece:
    """A text that does not change, and a piece of a deflate stream that stands for it."""

    __slots__ = ("_packed", "text")

    def __init__(self, text: bytes) -> None:
        self.text = text
        self._packed: bytes | None = None

    @property
    def packed(self) -> bytes:
        """The text compressed; this is done once."""
        if self._packed is None:
            packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
            self._packed = packer.compress(self.text) + packer.flush(zlib.Z_SYNC_FLUSH)
        return self._packed


def gzipped(pieces: Sequence[Piece]) -> list[bytes]:
    """A gzip file of the texts of all pieces, itself in pieces."""
    checksum = size = 0
    for piece in pieces:
        checksum = zlib.crc32(piece.text, checksum)
        size += len(piece.text)
    tail = checksum.to_bytes(4, "little") + (size % (1 << 32)).to_bytes(4, "little")
    return [_HEAD, *(piece.packed for piece in pieces), _LAST_PIECE + tail]
