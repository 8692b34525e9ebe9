"""The body of a request: read within limits, and decompressed within limits."""

import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from exporter.errors import RequestRefused

_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
"""What ``zlib`` calls the encodings that senders use."""

_PIECE = 1024 * 1024

RETRY_SECONDS = 1
"""After what time a sender that met a busy exporter may try again."""


@dataclass(frozen=True, slots=True)
class BodyLimits:
    """How large a body may be, in bytes, once it is decompressed; as sent it may be no larger."""

    max_bytes: int


class HeldBytes:
    """The memory that bodies may take up while they are read and wait for their turn.

    Used by one event loop.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max = max_bytes
        self._held = 0

    @contextmanager
    def of_one_request(self) -> Iterator[Callable[[int], None]]:
        """Yield a function that reserves so many bytes more; all are released at the end.

        The function raises RequestRefused where others hold too many.
        """
        of_this = 0

        def hold(size: int) -> None:
            nonlocal of_this
            if self._held + size > self._max:
                reason = "too many requests at one time; try again"
                raise RequestRefused("busy", reason, 429, retry_after=RETRY_SECONDS)
            self._held += size
            of_this += size

        try:
            yield hold
        finally:
            self._held -= of_this


async def read_body(
    headers: Mapping[str, str],
    pieces: AsyncIterator[bytes],
    limits: BodyLimits,
    hold: Callable[[int], None],
) -> bytes:
    """The whole body as it was sent.

    Args:
        headers: of the request, names in lower case.
        pieces: of the body, as they come in.
        hold: called with the size of each piece before it is kept; may raise RequestRefused.

    Raises:
        RequestRefused: it is too large; no more than the limit was held.
    """
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limits.max_bytes:
        raise _too_large(limits)
    body = bytearray()
    async for piece in pieces:
        if len(body) + len(piece) > limits.max_bytes:
            raise _too_large(limits)
        hold(len(piece))
        body += piece
    return bytes(body)


def decompressed(body: bytes, encoding: str, limits: BodyLimits) -> bytes:
    """A body as its sender wrote it.

    Args:
        encoding: the header ``Content-Encoding``; gzip and deflate are understood.

    Raises:
        RequestRefused: it is too large, damaged, or in another encoding.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in _WINDOWS:
        remedy = "gzip, deflate and identity are"
        raise RequestRefused(
            "unsupported_encoding", f"content encoding {encoding!r} is not supported; {remedy}", 415
        )
    try:
        return _inflated(body, _WINDOWS[encoding], limits)
    except zlib.error:
        raise RequestRefused("invalid_body", f"the body is no {encoding}", 400) from None


def _inflated(body: bytes, window: int, limits: BodyLimits) -> bytes:
    """All members of a compressed body, put together."""
    text, rest = bytearray(), body
    while rest:
        member = zlib.decompressobj(window)
        while not member.eof:
            piece = member.decompress(rest, _PIECE)
            text += piece
            rest = member.unused_data if member.eof else member.unconsumed_tail
            if len(text) > limits.max_bytes:
                raise _too_large(limits)
            if not piece and not rest and not member.eof:
                raise zlib.error
    return bytes(text)


def _too_large(limits: BodyLimits) -> RequestRefused:
    return RequestRefused(
        "too_large", f"the body is larger than {limits.max_bytes} bytes; send smaller batches", 413
    )
