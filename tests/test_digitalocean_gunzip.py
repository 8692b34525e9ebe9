"""Decompression: any cutting of the input gives the same text."""

import gzip
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.digitalocean.gunzip import PIECE, plain
from exporter.errors import ConnectionFailed, InvalidResponse
from exporter.model import Endpoint

LOG = Endpoint.LOG_CONTENT


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[first:last] for first, last in pairwise(edges)]


@given(
    texts=st.lists(st.binary(max_size=300), min_size=1, max_size=4),
    zeros=st.integers(0, 9),
    places=st.lists(st.integers(0, 4000), max_size=20),
)
def test_members_and_cuts(texts: list[bytes], zeros: int, places: list[int]):
    """Any number of gzip members, cut anywhere and padded with zeros, give their joined text."""
    data = b"".join(map(gzip.compress, texts)) + bytes(zeros)
    assert b"".join(plain(cut(data, places), LOG)) == b"".join(texts)


@given(text=st.binary(max_size=300), places=st.lists(st.integers(0, 400), max_size=20))
def test_plain_text_passes(text: bytes, places: list[int]):
    """What does not begin as gzip comes out as it is, however it is cut."""
    text = b"w" + text
    assert b"".join(plain(cut(text, places), LOG)) == text


def test_first_byte_alone():
    """A text of the first magic byte alone is text."""
    assert b"".join(plain([b"\x1f"], LOG)) == b"\x1f"
    assert list(plain([], LOG)) == []


@given(end=st.integers(2, 60))
def test_truncated_data(end: int):
    """Data that ends inside a member broke off: the text may be longer than what came."""
    data = gzip.compress(bytes(range(200)))
    with pytest.raises(ConnectionFailed):
        list(plain([data[:end]], LOG))


def test_damaged_data():
    """Damaged data, or something else after the last member, is an invalid response."""
    data = bytearray(gzip.compress(b"text" * 100))
    data[-6] ^= 0xFF
    with pytest.raises(InvalidResponse):
        list(plain([bytes(data)], LOG))
    with pytest.raises(InvalidResponse):
        list(plain([gzip.compress(b"text"), b"garbage"], LOG))


def test_bomb_is_not_held_in_memory():
    """200 MB of zeros from 200 kB come in pieces of 64 KiB, in bounded memory."""
    data = gzip.compress(bytes(100_000_000)) * 2
    tracemalloc.start()
    total = largest = 0
    for piece in plain([data], LOG):
        total += len(piece)
        largest = max(largest, len(piece))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert total == 200_000_000
    assert largest <= PIECE
    assert peak < 5_000_000
