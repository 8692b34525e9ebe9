"""Compressed bodies that senders push: decompressed within the limit, or refused; nothing else."""

import gzip
import zlib

from exporter.errors import RequestRefused
from exporter.receiving.body import BodyLimits, decompressed
from fuzz.choices import Choices

SEEDS = (
    gzip.compress(b'{"index":{}}\n{"log":"a"}\n', mtime=0) + b"\x01",
    zlib.compress(b"a" * 5_000) + b"\x02",
    b"plain\x00",
)
_ENCODINGS = ("", "gzip", "deflate", " X-GZIP ", "identity", "br")
_LIMITS = BodyLimits(4_096)


def check(data: bytes) -> None:
    """Decompress the bytes as they are, and compressed."""
    choices = Choices(data)
    encoding = _ENCODINGS[choices.number(len(_ENCODINGS) - 1)]
    repeats = 1 + choices.number(255) * choices.number(20)
    body = choices.rest()
    _check(body, encoding)
    text = body * repeats
    pairs = (("gzip", gzip.compress(text, mtime=0)), ("deflate", zlib.compress(text)))
    for name, compressed in pairs:
        try:
            assert decompressed(compressed, name, _LIMITS) == text
            assert len(text) <= _LIMITS.max_bytes
        except RequestRefused as refusal:
            assert (refusal.status, refusal.kind) == (413, "too_large")
            assert len(text) > _LIMITS.max_bytes
    # A sender may put several members behind one another; none may be dropped.
    two = gzip.compress(body, mtime=0) * 2
    if 2 * len(body) <= _LIMITS.max_bytes:
        assert decompressed(two, "gzip", _LIMITS) == body * 2


def _check(body: bytes, encoding: str) -> None:
    try:
        text = decompressed(body, encoding, _LIMITS)
    except RequestRefused as refusal:
        assert refusal.status in (400, 413, 415)
        assert (refusal.status == 415) == (encoding == "br")
        return
    if encoding.strip() in ("", "identity"):
        assert text == body
    else:
        assert len(text) <= _LIMITS.max_bytes
        assert text == _reference(body, 15 if encoding == "deflate" else 31)


def _reference(body: bytes, window: int) -> bytes:
    text = b""
    while body:
        member = zlib.decompressobj(window)
        text += member.decompress(body)
        assert member.eof, "a body that is cut off was taken"
        body = member.unused_data
    return text
