"""Compressed logs: however they are cut or damaged, what comes out is the text or its beginning."""

import gzip
import zlib
from itertools import pairwise

from exporter.digitalocean.gunzip import MAGIC, PIECE, plain
from exporter.errors import ConnectionFailed, InvalidResponse
from exporter.model import Endpoint
from fuzz.choices import Choices

SEEDS = (
    b"web 2026-11-01T00:00:00Z GET /\n\x02\x01",
    gzip.compress(b"web 2026-11-01T00:00:00Z GET /\n", mtime=0) + b"\x00",
    gzip.compress(b"a", mtime=0) + gzip.compress(b"b" * 70_000, mtime=0) + b"\x00\x00",
    b"\x1f",
    b"\x1f\x8b",
)
_LOG = Endpoint.LOG_CONTENT


def check(data: bytes) -> None:
    """Read the bytes as they are, or compressed, cut, and with one byte changed."""
    choices = Choices(data)
    places = [choices.number(65535) for _ in range(choices.number(4))]
    body = _body(choices)
    edges = sorted({0, len(body), *(place % (len(body) + 1) for place in places)})
    text, failed = _read([body[start:end] for start, end in pairwise(edges)])
    whole, also_failed = _read([body])
    assert type(failed) is type(also_failed)
    # Of what is damaged later pieces may not be read, so how much comes out depends on the cuts.
    assert text == whole or isinstance(failed, InvalidResponse)
    if not body.startswith(MAGIC):
        assert (text, failed) == (body, None)
        return
    expected, complete = _reference(body)
    assert (text == expected) if complete else expected.startswith(text)
    assert (failed is None) == complete


def _body(choices: Choices) -> bytes:
    """The rest of the input as it is, or as a gzip file: whole, damaged, or cut off."""
    form, place, change = choices.number(3), choices.number(65535), choices.number(254)
    repeats, zeros = 1 + 99 * choices.number(20), choices.number(3)
    text = choices.rest()
    if not form:
        return text
    body = gzip.compress(text * repeats, mtime=0) + gzip.compress(text, mtime=0) + bytes(zeros)
    at = place % len(body)
    if form == 2:
        return body[:at] + bytes([body[at] ^ (1 + change)]) + body[at + 1 :]
    return body[:at] if form == 3 else body


def _read(pieces: list[bytes]) -> tuple[bytes, Exception | None]:
    """The text that came out, and the error that ended it."""
    text = b""
    try:
        for piece in plain(pieces, _LOG):
            assert piece
            assert len(piece) <= max(PIECE, len(pieces[0]))
            text += piece
    except (ConnectionFailed, InvalidResponse) as error:
        return text, error
    return text, None


def _reference(body: bytes) -> tuple[bytes, bool]:
    """What the members of a gzip file hold, by the library in one go, and whether all are whole."""
    text = b""
    while body := body.lstrip(b"\0"):
        member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            text += member.decompress(body)
        except zlib.error:
            return text + _until_error(body), False
        if not member.eof:
            return text, False
        body = member.unused_data
    return text, True


def _until_error(body: bytes) -> bytes:
    """What the library gives out of a damaged member, byte after byte."""
    member, text = zlib.decompressobj(zlib.MAX_WBITS | 16), b""
    try:
        for byte in body:
            text += member.decompress(bytes([byte]))
    except zlib.error:
        pass
    return text
