"""Compressed or plain bytes in, plain bytes out, in pieces, however they are cut.

Archives come gzip-encoded or as gzip files, and nothing but their first bytes tells for sure.
"""

import zlib
from collections.abc import Iterable, Iterator

from exporter.errors import ConnectionFailed, InvalidResponse
from exporter.model import Endpoint

MAGIC = b"\x1f\x8b"
PIECE = 65536

_GZIP_FORMAT = zlib.MAX_WBITS | 16


def plain(pieces: Iterable[bytes], endpoint: Endpoint) -> Iterator[bytes]:
    """Yield the text in ``pieces``: decompressed if they begin as gzip does, else as they are.

    At most 64 KiB are decompressed at a time, so a small body cannot fill the memory.

    Raises:
        ConnectionFailed: the pieces end inside a gzip member.
        InvalidResponse: what began as gzip continues as something else.
    """
    head = b""
    rest = iter(pieces)
    for piece in rest:
        head += piece
        if len(head) >= len(MAGIC):
            break
    if head.startswith(MAGIC):
        yield from _decompressed(_chain(head, rest), endpoint)
    else:
        yield from (piece for piece in _chain(head, rest) if piece)


def _chain(head: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield head
    yield from rest


def _decompressed(pieces: Iterator[bytes], endpoint: Endpoint) -> Iterator[bytes]:
    """Yield the text of gzip members, one after the other, and of nothing else."""
    member = zlib.decompressobj(_GZIP_FORMAT)
    inside = False
    for piece in pieces:
        data = piece
        while True:
            if not inside:
                # A gzip file may end in zeros.
                data = data.lstrip(b"\0")
                if not data:
                    break
                inside = True
            try:
                text = member.decompress(data, PIECE)
            except zlib.error:
                raise InvalidResponse(endpoint, "gzip data that is damaged") from None
            if text:
                yield text
            if member.eof:
                data = member.unused_data
                member = zlib.decompressobj(_GZIP_FORMAT)
                inside = False
                continue
            data = member.unconsumed_tail
            # A full piece may mean that more is held back, with no input left to show for it.
            if not data and len(text) < PIECE:
                break
    if inside:
        raise ConnectionFailed(endpoint, "the answer ended inside gzip data")
