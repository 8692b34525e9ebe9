"""Bytes into lines: chunks cut anywhere become whole lines, each with its time and message.

The first stage of a line's path: it sees every byte that was read, and holds no more of a line
than the configured length.
"""

import re
from calendar import timegm
from collections.abc import Sequence
from functools import lru_cache
from operator import add, itemgetter

from exporter.model import LogLine

NANOSECONDS = 1_000_000_000

# `<component> <RFC 3339 time> <message>`, as the platform writes every line of a run-time log.
# Digits that are no time, such as a 13th month, are no prefix, nor is a priority of syslog.
_PREFIX = re.compile(
    rb"(?!<)\S+ ((?!0000)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d)"
    rb":([0-5]\d|60)(?:\.(\d{1,9})\d*)?(Z|[+-]\d\d:\d\d)(?: |\r?$)"
)


class CutLine(bytes):
    """The kept beginning of a line that was too long; ``size`` is its whole length in bytes."""

    size: int

    def __new__(cls, kept: bytes, size: int) -> "CutLine":
        line = super().__new__(cls, kept)
        line.size = size
        return line


class LineSplitter:
    """Cuts one log text into lines, whatever the chunks it arrives in.

    Args:
        max_line_bytes: how much of a line is kept; the rest is counted and dropped.
    """

    def __init__(self, max_line_bytes: int) -> None:
        self._max = max_line_bytes
        self._kept = b""
        self._size = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that ``data`` completes, without their newlines."""
        head, newline, rest = data.partition(b"\n")
        self._extend(head)
        if not newline:
            return []
        lines = [self._complete()]
        if rest:
            *whole, tail = rest.split(b"\n")
            if whole and len(max(whole, key=len)) > self._max:
                whole = [self._cut(line) for line in whole]
            lines += whole
            self._extend(tail)
        return lines

    def end(self) -> list[bytes]:
        """The last line, if the text ended in good order and without a newline."""
        return [self._complete()] if self._size else []

    def _extend(self, data: bytes) -> None:
        self._size += len(data)
        self._kept += data[: self._max - len(self._kept)]

    def _complete(self) -> bytes:
        line = self._kept if self._size == len(self._kept) else CutLine(self._kept, self._size)
        self._kept, self._size = b"", 0
        return line

    def _cut(self, line: bytes) -> bytes:
        return line if len(line) <= self._max else CutLine(line[: self._max], len(line))


def served_size(raw: bytes) -> int:
    """Bytes of a raw line as served, its newline and what was cut off included."""
    return (raw.size if isinstance(raw, CutLine) else len(raw)) + 1


def parse_line(raw: bytes) -> LogLine:
    """One raw line as a value; without a prefix it has no timestamp and is all message."""
    return LogLine(raw, served_size(raw), timestamp_of(raw), message_of(raw))


def timestamp_of(raw: bytes) -> int | None:
    """When a line was written (ns); None without a prefix."""
    prefix = _PREFIX.match(raw)
    return None if prefix is None else _timestamp(prefix)


_COLUMN_LINES = 32  # columns of fewer lines are not worth their making


def timestamps_of(raws: Sequence[bytes]) -> list[int] | None:
    """Return the timestamp of each line, in a fraction of the time; None if one has none."""
    columns = _columns_of(raws)
    return _of_any_form(raws) if columns is None else columns[0]


def columns_of(raws: Sequence[bytes]) -> tuple[Sequence[int | None], list[bytes]]:
    """Return the timestamp of each line, None on one without prefix, and each message."""
    columns = _columns_of(raws)
    if columns is None:
        return _of_any_form(raws) or list(map(timestamp_of, raws)), list(map(message_of, raws))
    timestamps, start = columns
    messages = list(map(itemgetter(slice(start, None)), raws))
    if b"\r" in b"".join(messages):
        messages = [message.removesuffix(b"\r") for message in messages]
    return timestamps, messages


def _columns_of(raws: Sequence[bytes]) -> tuple[list[int], int] | None:
    """Return timestamps and where messages start, if that is one place; None for other lines."""
    prefix = _PREFIX.match(raws[0]) if len(raws) >= _COLUMN_LINES else None
    if prefix is None or not prefix[3]:
        return None
    timestamps = _of_one_form(raws, *prefix.span(3))
    return None if timestamps is None else (timestamps, prefix.end(3) + 2)


def _of_one_form(raws: Sequence[bytes], start: int, end: int) -> list[int] | None:
    """Return the timestamps of lines whose fractions of a second all stand at one place.

    They are read as columns: the beginnings up to the second, of which there are few, and the
    fractions.

    Args:
        start: where the digits of a fraction start.
        end: where they end; ``Z`` and a space follow.

    Returns:
        None where a line has no time or another form.
    """
    digits = end - start
    columns = b"".join(map(itemgetter(slice(start, end + 2)), raws))
    fractions = columns.replace(b"Z ", b"")
    width, count = digits + 2, len(raws)
    # Each Z at its place, a space behind each, and nothing but digits beside them.
    if (
        columns[digits::width] != b"Z" * count
        or len(fractions) != digits * count
        or not fractions.isdigit()
    ):
        return None
    beginnings = list(map(itemgetter(slice(start)), raws))
    seconds = {}
    for beginning in set(beginnings):
        prefix = _PREFIX.match(beginning + b"0Z ")
        if prefix is None or prefix.start(3) != start:
            return None
        seconds[beginning] = _timestamp(prefix) - NANOSECONDS
    # A 1 before each fraction, which may begin with zeros: a second that was taken off above.
    import orjson  # it takes longer to load than all that a start of ``match`` needs of this

    zeros = b"0" * (9 - digits)
    numbers = orjson.loads(b"[1%b]" % columns.replace(b"Z ", zeros + b",1")[:-2])
    return list(map(add, map(seconds.__getitem__, beginnings), numbers))


def _of_any_form(raws: Sequence[bytes]) -> list[int] | None:
    """Return the timestamps of lines one by one; None if one has none.

    Those written in the same second by the same component differ behind the same beginning.
    """
    timestamps: list[int] = []
    beginning = b"\n"  # of no line
    end = second = 0
    for raw in raws:
        digits = raw[end - 11 : end - 2]
        if raw.startswith(beginning) and raw[end - 2 : end] == b"Z " and digits.isdigit():
            timestamps.append(second + int(digits))
            continue
        prefix = _PREFIX.match(raw)
        if prefix is None:
            return None
        timestamp = _timestamp(prefix)
        timestamps.append(timestamp)
        fraction = raw[prefix.end() - 12 : prefix.end()]
        if fraction[:1] == b"." and fraction[-2:] == b"Z ":
            end = prefix.end()
            beginning, second = raw[: end - 11], timestamp - int(fraction[1:-2])
    return timestamps


def _timestamp(prefix: re.Match[bytes]) -> int:
    """Unix nanoseconds."""
    minute, second, fraction, zone = prefix.groups()
    start = _minute(minute, zone)
    return (start + int(second)) * NANOSECONDS + (int(fraction.ljust(9, b"0")) if fraction else 0)


def message_of(raw: bytes) -> bytes:
    """What the program wrote: a line without component and timestamp, all of it without those."""
    prefix = _PREFIX.match(raw)
    start = prefix.end() if prefix is not None else 0
    return raw[start:-1] if raw.endswith(b"\r") else raw[start:]


def message_behind_time(raw: bytes) -> bytes:
    """The message of a line that has a timestamp, in a third of the time."""
    parts = raw.split(b" ", 2)
    return parts[2].removesuffix(b"\r") if len(parts) > 2 else b""


def component_of(raw: bytes) -> bytes | None:
    """The component that a line's prefix names; None on one without prefix."""
    return None if _PREFIX.match(raw) is None else raw[: raw.index(b" ")]


@lru_cache(maxsize=4096)
def _minute(minute: bytes, zone: bytes) -> int:
    """Unix seconds of ``2026-11-01T00:00`` in a zone; lines come many to the minute."""
    year, month, day = int(minute[:4]), int(minute[5:7]), int(minute[8:10])
    hour, minutes = int(minute[11:13]), int(minute[14:])
    seconds = timegm((year, month, day, hour, minutes, 0))
    if zone == b"Z":
        return seconds
    offset = int(zone[1:3]) * 3600 + int(zone[4:]) * 60
    return seconds - offset if zone[:1] == b"+" else seconds + offset
