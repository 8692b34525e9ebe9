"""Bytes into lines: whatever the cuts, the same lines; and what a line says of itself."""

import re
from calendar import timegm
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.logs.lines import (
    _PREFIX,
    CutLine,
    LineSplitter,
    columns_of,
    component_of,
    message_behind_time,
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


_LONG = st.lists(st.integers(0, 12).map(lambda size: b"abcdefghijkl"[:size]), max_size=8)


@given(_LONG, st.integers(0, 8), st.lists(st.integers(0, 110), max_size=8), st.booleans())
@example([b"abcdefgh", b"abcdefghi", b"ab"], 8, [], True).via("a long line amid one chunk")
@example([b"abc", b"abcd"], 3, [2, 5], False).via("a long line that is the last")
def test_a_line_too_long_is_cut_once_and_keeps_its_size(lines, limit, cuts, ends_with_newline):
    """Of a long line only its beginning is kept and its whole size is known; others are whole."""
    text = b"\n".join(lines) + (b"\n" if ends_with_newline and lines else b"")
    expected = text.split(b"\n")
    if not expected[-1]:
        expected.pop()
    splitter, got = LineSplitter(limit), []
    places = sorted({min(cut, len(text)) for cut in cuts} | {0, len(text)})
    for start, end in pairwise(places):
        got += splitter.feed(text[start:end])
    got += splitter.end()
    assert [bytes(line) for line in got] == [line[:limit] for line in expected]
    assert [isinstance(line, CutLine) for line in got] == [len(line) > limit for line in expected]
    assert [parse_line(line).size for line in got] == [len(line) + 1 for line in expected]


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
    same_as_each(raws)


_ODD = (
    b"web 2026-11-01T00:00:00.123456789Z hello",
    b"web 2026-11-01T00:00:00.123Z hello\r",
    b"web 2026-11-01T00:00:00.023Z",
    b"web 2026-11-01T00:00:00.000Z \r",
    b"web 2026-11-01T00:00:60.999Z leap",
    b"web 2026-11-01T23:59:59.120Z y",
    b"job 2026-11-01T00:00:00.1234Z x",
    b"job 2026-11-01T00:00:00.12Z  x",
    b"job 2026-11-01T00:00:00.1Z Z x",
    b"job 2026-11-01T00:00:00Z  123Z x",
    b"job 2026-11-01T00:00:00.123z x",
    b"job 2026-11-01T00:00:00.1 3Z x",
    b"job 2026-11-01T00:00:00.123Zxx",
    b"w 2026-11-01T00:00:00Z .123Z x",
    b"w 2026-11-01T00:00:00 .123Z x",
    b"web 2026-11-01T00:00:00,123456789Z x",
    b"web 2026-13-01T00:00:00.123Z x",
    b"web 2026-11-01T00:00:00Z x",
    b"no time",
    b"",
)


def same_as_each(raws: list[bytes]) -> None:
    """Assert that lines read together are what each is alone."""
    each = [parse_line(raw) for raw in raws]
    times = [line.timestamp for line in each]
    assert timestamps_of(raws) == (None if None in times else times)
    read, messages = columns_of(raws)
    assert (list(read), messages) == (times, [line.message for line in each])


def of_one_form(digits: int, count: int) -> list[bytes]:
    """Lines with so many digits of a fraction of a second, nine in each second."""
    fractions = [b".%09d" % (25_974_361 * i) for i in range(count)]
    return [
        b"web 2026-11-01T00:00:%02d%bZ m%d" % (i // 9, part[: digits + 1] if digits else b"", i)
        for i, part in enumerate(fractions)
    ]


@pytest.mark.parametrize("digits", range(10))
@pytest.mark.parametrize("count", [1, 39])
def test_many_lines_together_are_what_each_is_alone(digits: int, count: int):
    """Among lines of one form that are read as columns, any other is read as it is alone."""
    raws = of_one_form(digits, count)
    same_as_each(raws)
    for odd in _ODD:
        for place in (0, 1, len(raws) // 2, len(raws)):
            same_as_each([*raws[:place], odd, *raws[place:]])
            same_as_each([*raws[:place], odd, odd, *raws[place + 1 :]])
        same_as_each([odd] * 40)


@given(
    st.datetimes(),
    st.integers(0, 60),
    st.integers(0, 10**9 - 1),
    st.integers(0, 9),
    st.integers(-(23 * 60 + 59), 23 * 60 + 59) | st.none(),
)
@example(datetime(2026, 10, 31, 12, 34), 1, 0, 0, -(10 * 60 + 45))
@example(datetime(2026, 10, 31, 12, 34), 1, 0, 0, 13 * 60 + 45)
def test_a_time_is_that_of_its_zone_to_the_nanosecond(moment, second, fraction, digits, zone):
    """With any fraction of a second, a second of 60 too, in every year and zone."""
    date = f"{moment.year:04}-{moment:%m-%dT%H:%M}:{second:02}".encode()
    part = b"%09d" % fraction
    offset = b"Z" if zone is None else b"%c%02d:%02d" % (b"+-"[zone < 0], *divmod(abs(zone), 60))
    raw = b"web " + date + (b"." + part[:digits] if digits else b"") + offset + b" two words"
    minutes = (moment - datetime(1970, 1, 1)) // timedelta(minutes=1) - (zone or 0)
    expected = (minutes * 60 + second) * 10**9 + int(part[:digits].ljust(9, b"0"))
    assert timestamp_of(raw) == expected
    assert message_behind_time(raw) == b"two words"


class CountedMatches:
    """The pattern of prefixes, which counts how often it is asked for one."""

    def __init__(self) -> None:
        self.count = 0

    def match(self, text: bytes) -> re.Match[bytes] | None:
        self.count += 1
        return _PREFIX.match(text)


@pytest.mark.parametrize(("digits", "lines_read"), [(9, 20), *((n, 39) for n in range(1, 10))])
def test_of_lines_of_one_form_each_second_is_read_once(digits, lines_read, monkeypatch):
    """So each costs a fraction of what it costs alone; of many one more shows the form."""
    matches = CountedMatches()
    monkeypatch.setattr("exporter.logs.lines._PREFIX", matches)
    assert timestamps_of(of_one_form(digits, lines_read))
    assert matches.count == {20: 3, 39: 1 + 5}[lines_read]


def test_a_minute_is_read_once(monkeypatch):
    """However many lines are of it."""
    read = []

    def noted(time: tuple[int, ...]) -> int:
        read.append(time)
        return timegm(time)

    monkeypatch.setattr("exporter.logs.lines.timegm", noted)
    for second in range(60):
        timestamp_of(b"web 2019-08-07T06:05:%02dZ x" % second)
    assert read == [(2019, 8, 7, 6, 5, 0)]


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
