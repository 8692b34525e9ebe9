"""Lines as columns: each is made a value when it is asked for, its message unwrapped once."""

import pytest

from exporter.logs.lines import CutLine, parse_line
from exporter.logs.log_lines import LogLines
from exporter.model import LogLine

PREFIX = b"web 2026-11-01T00:00:00.000000005Z "
RAWS = [PREFIX + b"one", b"two\r", PREFIX + b"three"]
TIMES = [5, None, 7]


def upper(message: bytes) -> bytes:
    return message.upper()


def messages(lines: LogLines) -> list[bytes]:
    return [line.message for line in lines]


def test_a_line_has_the_time_and_message_of_its_place():
    """From the beginning or from the end; a return at the end belongs to the newline."""
    lines = LogLines(RAWS, TIMES)
    assert len(lines) == 3
    assert lines[0] == LogLine(RAWS[0], len(RAWS[0]) + 1, 5, b"one")
    assert lines[1] == LogLine(b"two\r", 5, None, b"two")
    assert lines[-1] == lines[2] == LogLine(RAWS[2], len(RAWS[2]) + 1, 7, b"three")
    with pytest.raises(IndexError):
        lines[3]


def test_each_message_is_unwrapped_also_in_a_part():
    """A slice is lines of the same kind."""
    lines = LogLines(RAWS, TIMES, upper)
    assert messages(lines) == [b"ONE", b"TWO", b"THREE"]
    assert messages(lines[1:]) == [b"TWO", b"THREE"]
    assert [line.timestamp for line in lines[1:]] == [None, 7]


def test_what_unwrapping_changes_can_be_told_beforehand():
    """Only those messages are replaced, wherever a line is counted from, and none is unwrapped."""
    lines = LogLines(RAWS, TIMES, upper)
    lines.know({0: b"first", 2: b"third"})
    assert messages(lines) == [b"first", b"two", b"third"]
    assert [lines[index].message for index in (-3, -2, -1)] == [b"first", b"two", b"third"]
    lines.know({})
    assert messages(lines) == [b"one", b"two", b"three"]


def test_lines_are_taken_from_values_and_from_columns():
    """Columns that are unwrapped the same way are taken as they are; their messages are known."""
    each = [parse_line(raw) for raw in RAWS]
    lines = LogLines.of(each, upper)
    assert messages(lines) == [b"ONE", b"TWO", b"THREE"]
    assert [line.timestamp for line in lines] == [line.timestamp for line in each]
    assert LogLines.of(lines, upper) is lines
    plain = LogLines.of(lines)
    assert plain is not lines
    assert messages(plain) == [b"one", b"two", b"three"]
    assert [line.timestamp for line in plain] == [line.timestamp for line in each]


def test_the_size_is_that_of_the_text_as_it_was_served():
    """With each newline, and with what was cut off a line that was too long."""
    assert LogLines([b"one", b""], [1, 2]).size == 5
    cut = LogLines([b"one", CutLine(b"two", 100)], [1, 2])
    assert cut.size == 4 + parse_line(CutLine(b"two", 100)).size
    assert [line.size for line in cut] == [4, cut.size - 4]
    assert LogLines().size == 0


def test_the_newest_time_is_the_latest_of_any_line():
    """Lines without one have none to say; nor has an empty log."""
    assert LogLines(RAWS, [9, None, 7]).newest == 9
    assert LogLines(RAWS, [None] * 3).newest == 0
    assert LogLines().newest == 0


def test_a_line_is_added_at_the_end():
    """It is one more line, with its own time."""
    lines = LogLines(RAWS, TIMES)
    lines.append(PREFIX + b"four", 9)
    assert (len(lines), lines[3].message, lines.newest) == (4, b"four", 9)
    assert lines.size == sum(map(len, RAWS)) + 3 + len(PREFIX) + 5
