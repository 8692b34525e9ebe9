"""Bytes into lines: whatever the cuts, the same lines; and what a line says of itself."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.logs.dedup.window import line_key, line_keys
from exporter.logs.lines import (
    CutLine,
    LineSplitter,
    component_of,
    parse_line,
    timestamp_of,
    timestamps_of,
)
from exporter.logs.log_lines import LogLines

TEXT = st.lists(st.binary(max_size=30).map(lambda b: b.replace(b"\n", b" ")), max_size=20)


@given(TEXT, st.lists(st.integers(0, 700), max_size=30), st.booleans())
def test_any_cutting_of_a_text_gives_the_same_lines(lines, cuts, ends_with_newline):
    """Chunks may end anywhere, in the middle of a character too: the lines stay the same."""
    text = b"\n".join(lines) + (b"\n" if ends_with_newline and lines else b"")
    expected = text.split(b"\n")
    if not expected[-1]:
        expected.pop()
    splitter = LineSplitter(1000)
    got = []
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    for start, end in pairwise(places):
        got += splitter.feed(text[start:end])
    assert got + splitter.end() == expected


@given(st.integers(1, 50), st.integers(0, 200), st.lists(st.integers(1, 40), min_size=1))
def test_a_line_too_long_is_cut_once_and_keeps_its_size(limit, size, steps):
    """Of a long line only its beginning is kept, its whole size is known, the next is whole."""
    text = bytes(97 + i % 26 for i in range(size)) + b"\nnext\n"
    splitter, got, at = LineSplitter(max(limit, 4)), [], 0
    for step in [*steps, len(text)]:
        got += splitter.feed(text[at : at + step])
        at += step
    limit = max(limit, 4)
    assert [bytes(line) for line in got] == [text[: min(limit, size)], b"next"]
    assert isinstance(got[0], CutLine) == (size > limit)
    assert parse_line(got[0]).size == size + 1


def test_the_held_part_of_a_long_line_is_bounded():
    """A line of 100 MB that never ends takes no more memory than the limit."""
    splitter = LineSplitter(1024)
    for _ in range(100):
        assert splitter.feed(b"x" * 1_000_000) == []
    assert len(splitter._kept) == 1024
    [line] = splitter.feed(b"\n")
    assert parse_line(line).size == 100_000_001


@pytest.mark.parametrize(
    ("raw", "timestamp", "message"),
    [
        (b"web 2026-11-01T00:00:00.123456789Z GET /", 1793491200123456789, b"GET /"),
        (b"web 2026-11-01T00:00:00Z GET /", 1793491200000000000, b"GET /"),
        (b"web 2026-11-01T00:00:00.5Z GET /", 1793491200500000000, b"GET /"),
        (b"web 2026-11-01T02:00:00+02:00 hi", 1793491200000000000, b"hi"),
        (b"web 2026-10-31T23:30:00-00:30 hi", 1793491200000000000, b"hi"),
        (b"web 2026-11-01T00:00:00Z ", 1793491200000000000, b""),
        (b"web 2026-11-01T00:00:00Z", 1793491200000000000, b""),
        (b"web 2026-11-01T00:00:00Z   indented\r", 1793491200000000000, b"  indented"),
        (b"plain text", None, b"plain text"),
        (b"", None, b""),
        (b"2026-11-01T00:00:00Z no component", None, b"2026-11-01T00:00:00Z no component"),
        (b"web 2026-13-01T00:00:00Z month", None, b"web 2026-13-01T00:00:00Z month"),
        (b"web 2026-11-01T00:00:00Zglued", None, b"web 2026-11-01T00:00:00Zglued"),
        (b"web \xff\xfe", None, b"web \xff\xfe"),
    ],
)
def test_a_line_is_split_into_its_time_and_message(raw, timestamp, message):
    """The platform's prefix is taken off; a line without one is all message."""
    line = parse_line(raw)
    assert (line.timestamp, line.message, line.size) == (
        timestamp,
        message if timestamp is not None else raw.removesuffix(b"\r"),
        len(raw) + 1,
    )


_PARTS = st.sampled_from(
    (
        b"web 2026-11-01T00:00:00.000000001Z hello",
        b"web 2026-11-01T00:00:00.123456789Z hello\r",
        b"web 2026-11-01T00:00:00.12345678\xc2\xb2Z hello",
        b"web 2026-11-01T00:00:00.123456789Z",
        b"web 2026-11-01T00:00:00.123456789Z ",
        b"web 2026-11-01T00:00:00.1234567899Z x",
        b"web 2026-11-01T00:00:00.12Z x",
        b"web 2026-11-01T00:00:00Z x",
        b"web 2026-11-01T00:00:00+01:00 x",
        b"web 2026-11-01T00:00:01.999999999Z y",
        b"web 2026-11-01T00:00:01.00000000 Z y",
        b"web 2026-11-01T00:00:61.000000000Z y",
        b"worker 2026-11-01T00:00:01.000000000Z y",
        b"Traceback (most recent call last):",
        b"",
    )
)


@given(st.lists(_PARTS, max_size=6))
def test_lines_together_are_what_each_is_alone(raws: list[bytes]):
    """The quick way agrees with ``parse_line`` on every timestamp, or leaves all to it."""
    each = [parse_line(raw) for raw in raws]
    times = [line.timestamp for line in each]
    assert timestamps_of(raws) == (None if None in times else times)


_COLUMN_PARTS = st.sampled_from(
    (
        b"web 2026-11-01T00:00:00.123Z hello",
        b"web 2026-11-01T00:00:00.023Z",
        b"web 2026-11-01T00:00:00.000Z \r",
        b"web 2026-11-01T00:00:60.999Z leap",
        b"web 2026-11-01T23:59:59.120Z y",
        b"job 2026-11-01T00:00:00.1234Z x",
        b"job 2026-11-01T00:00:00.12Z  x",
        b"job 2026-11-01T00:00:00Z  123Z x",
        b"job 2026-11-01T00:00:00.123z x",
        b"w 2026-11-01T00:00:00Z .123Z x",
        b"w 2026-11-01T00:00:00 .123Z x",
        b"web 2026-13-01T00:00:00.123Z x",
    )
)


@given(st.lists(_COLUMN_PARTS, max_size=3), st.integers(0, 40))
def test_many_lines_together_are_what_each_is_alone(others: list[bytes], place: int):
    """Among lines of one form that are read as columns, any other is read as it is alone."""
    raws = [b"web 2026-11-01T00:00:%02d.%03dZ x" % (i // 9, 25 * i) for i in range(39)]
    raws[place:place] = others
    times = [timestamp_of(raw) for raw in raws]
    assert timestamps_of(raws) == (None if None in times else times)


@given(st.lists(st.tuples(_PARTS, st.integers(0, 9)), max_size=6))
def test_a_line_made_when_it_is_asked_for_is_what_parse_line_makes(parts):
    """Each of ``LogLines`` is the value that its raw line stands for, and so is their size."""
    raws = [CutLine(raw, len(raw) + more) if more else raw for raw, more in parts]
    each = [parse_line(raw) for raw in raws]
    lines = LogLines(raws, map(timestamp_of, raws))
    assert list(lines) == each
    assert list(lines[1:3]) == each[1:3]
    assert list(LogLines.of(each)) == each
    assert lines.size == sum(line.size for line in each)


_PIECES = st.sampled_from((b"a", b"\xc3", b"\xa9", b"\xc3\xa9", b"\xef\xbf\xbd", b"\xff", b"\r"))
_TEXTS = st.lists(_PIECES, max_size=4).map(b"".join)


@given(st.lists(st.tuples(_TEXTS, st.integers(0, 1)), max_size=5))
def test_the_identities_of_lines_together_are_those_of_each(parts):
    """The quick way to them agrees with the careful one, whatever bytes lines hold."""
    raws = [CutLine(raw, len(raw) + more) if more else raw for raw, more in parts]
    assert line_keys(raws) == list(map(line_key, raws))


def test_text_whose_bytes_were_replaced_is_the_same_line():
    """An archive's bytes that are no UTF-8 are U+FFFD in live text: one or several."""
    archive, live, other = b"caf\xe9 \xff\xfe", "caf\ufffd \ufffd".encode(), "café \ufffd".encode()
    assert line_keys([archive, live]) == [line_key(live)] * 2
    assert line_keys([other, b"cafe ?"]) != line_keys([live, b"cafe ?"])


EMPTY = (
    b"web 2026-11-01T00:00:01Z",
    b"web 2026-11-01T00:00:01Z ",
    b"web 2026-11-01T00:00:01.123456789Z",
    b"web 2026-11-01T00:00:01.123456789Z ",
    b"web 2026-11-01T00:00:01Z\r",
    b"web 2026-11-01T00:00:01.5Z \r",
)


@pytest.mark.parametrize("raw", EMPTY)
def test_a_message_can_be_empty(raw: bytes):
    """A line of two words, with or without a space behind, has a time and an empty message."""
    line = parse_line(raw)
    assert (line.message, line.timestamp is not None) == (b"", True)
    assert component_of(raw) == b"web"
    assert timestamps_of([raw, raw]) == [line.timestamp] * 2
    assert LogLines([raw], [line.timestamp])[0].message == b""
