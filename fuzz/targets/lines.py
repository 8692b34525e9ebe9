"""A text in chunks, cut anywhere: its lines are those of the whole text, and none is lost."""

import re
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from exporter.logs.lines import (
    CutLine,
    LineSplitter,
    message_of,
    parse_line,
    served_size,
    timestamp_of,
    timestamps_of,
)
from exporter.logs.log_lines import LogLines
from fuzz.choices import Choices

SEEDS = (
    b"web 2026-11-01T00:00:00.123456789Z GET /\n"
    b"web 2026-11-01T00:00:00.123456790Z GET /a\n\x05\x02",
    b"web 2026-11-01T00:00:00Z a\r\nweb 2026-11-01T02:00:00+02:00 b\nweb 2026-11-01T00:00:60.5Z",
    b"web 2026-11-01T00:00:00Z\nplain\n\nweb 2026-11-01T00:00:00Z \n" + b"x" * 90 + b"\n\x01\x09",
)

_TIME = re.compile(rb"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)\r?")


def check(data: bytes) -> None:
    """Split, read and hold against the whole text."""
    choices = Choices(data)
    limit, prefixed = 1 + choices.number(120), choices.flag()
    places = [choices.number(65535) for _ in range(choices.number(6))]
    text = _text(choices) if prefixed else choices.rest()
    splitter, lines = LineSplitter(limit), []
    cuts = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    for start, end in pairwise(cuts):
        lines += splitter.feed(text[start:end])
        assert len(splitter._kept) <= limit
    lines += splitter.end()
    expected = text.split(b"\n")
    if not expected[-1]:
        expected.pop()
    assert [bytes(line) for line in lines] == [line[:limit] for line in expected]
    assert [isinstance(line, CutLine) for line in lines] == [len(e) > limit for e in expected]
    assert sum(map(served_size, lines)) == len(text) + (text[-1:] not in (b"\n", b""))
    times = list(map(timestamp_of, lines))
    assert timestamps_of(lines) == (None if None in times else times)
    parsed = list(map(parse_line, lines))
    assert list(LogLines(lines, times)) == parsed
    for line in parsed:
        assert line.raw.removesuffix(b"\r").endswith(line.message)
        if line.timestamp is not None:
            assert line.timestamp == _nanoseconds(line.raw.split(b" ")[1])
            assert b"\n" not in line.message
        else:
            assert line.message == line.raw.removesuffix(b"\r")
        assert line.message == message_of(line.raw)


def _text(choices: Choices) -> bytes:
    """The rest of the input, each line behind a prefix that fits most of them."""
    prefix = b"web 2026-11-01T00:%02d:%02d.%09dZ " % (
        choices.number(59),
        choices.number(60),
        choices.number(65535),
    )
    return b"\n".join(prefix + line for line in choices.rest().split(b"\n"))


def _nanoseconds(time: bytes) -> int:
    """Unix nanoseconds by the library of dates; a day or second too many runs over."""
    found = _TIME.fullmatch(time)
    assert found is not None, time
    year, month, day, hour, minute, second = map(int, found.groups()[:6])
    zone = found[8]
    start = datetime(year, month, 1, hour, minute, tzinfo=UTC)
    minutes = 0 if zone == b"Z" else int(zone[:1] + b"1") * (int(zone[1:3]) * 60 + int(zone[4:6]))
    passed = start - datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day - 1, seconds=second)
    whole = passed // timedelta(seconds=1) - minutes * 60
    return whole * 10**9 + int(((found[7] or b"") + b"0" * 9)[:9])
