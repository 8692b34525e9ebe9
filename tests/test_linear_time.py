"""No line of a log can hold up the exporter: whatever it repeats, reading it takes linear time.

The limits are CPU seconds for work of milliseconds: an expression that tries many ways to read a
line exceeds them on any machine, one that does not stays a thousandfold below.
"""

import random
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from exporter.logs.lines import parse_line
from exporter.logs.platform_lines import exit_line
from exporter.logs.redaction import redact
from exporter.logs.restarts.restart_reasons import restart_reason
from exporter.logs.unwrap import unwrap
from exporter.matching.fields import fields_in
from exporter.matching.grouping.error_groups import KEPT_CHARACTERS
from exporter.matching.grouping.masks import mask
from exporter.matching.severity import declared
from exporter.matching.severity.structured import record_around
from exporter.matching.traces.grammar import begin
from exporter.matching.traces.shapes import shape_of

CPU_SECONDS = 5.0
SIZES = (60, 400, 60_000)
LINES = 300

READERS: dict[str, Callable[[bytes], object]] = {
    "unwrap": unwrap,
    "declared": declared,
    "record_around": lambda line: record_around(line, [line, b"{"]),
    "fields_in": fields_in,
    "shape_of": shape_of,
    "begin": begin,
    "mask": lambda line: mask(line.decode("utf-8", "replace")[:KEPT_CHARACTERS]),
    "redact": lambda line: redact(line.decode("utf-8", "replace")),
    "restart_reason": lambda line: restart_reason([line]),
    "exit_line": exit_line,
    "parse_line": parse_line,
}

PIECES = [
    *(bytes([byte]) for byte in b"-aA0.:/_= \"\\[]{}(<>|,\r\x08\t%@#'*$;m+~&!?`^"),
    *(b"\x1b[", b"\x1b[0m", b"\\x1b[0m", b"INFO", b"Error", b": ", b" | ", b"a-1 | ", b"/s]"),
    *(
        b"1%|",
        b"[1,",
        b"key=",
        b'": "',
        b"\xc3\x9f",
        b"\xe2\x96\x88",
        b"\xff",
        b"2024-01-02",
        b"at ",
    ),
]


def hostile_lines(seed: int) -> Iterator[bytes]:
    """Lines that repeat some pieces, between others."""
    rng = random.Random(seed)

    def some(fewest: int, most: int) -> bytes:
        return b"".join(rng.choices(PIECES, k=rng.randint(fewest, most)))

    for piece in PIECES:
        yield from (piece * 60 + end for end in (b"", b" ", b"\xc3\x9f", b":"))
    for number in range(LINES):
        size = SIZES[number % len(SIZES)]
        first, second = (some(1, 4) * size)[:size], (some(1, 2) * size)[: rng.choice((0, size))]
        yield some(0, 3) + first + second + some(0, 3)


class TooSlow(AssertionError):
    """A line took longer than any should."""


@contextmanager
def cpu_limit(line: bytes) -> Iterator[None]:
    """End what takes too long, so that a failure says which line it was."""

    def end(*_: object) -> None:
        raise TooSlow(f"{line[:80]!r}… of {len(line)} bytes")

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@pytest.mark.found(
    "A line with a ruler of 60 dashes held up the reader of severities for hours.",
    how="a test of the matching engine that took minutes, then repeated pieces against each reader",
)
@pytest.mark.parametrize("reader", READERS)
def test_no_line_takes_more_than_linear_time(reader: str):
    """Rulers, brackets without end, quotes, escapes: each reader gets through all of them."""
    for line in hostile_lines(seed=7):
        with cpu_limit(line):
            READERS[reader](line)


def test_a_limit_that_is_exceeded_names_the_line():
    """The check itself ends what is too slow: an expression that reads a ruler in many ways."""
    with pytest.raises(TooSlow, match="---"), cpu_limit(b"-" * 60):
        re.match(rb"(?:-{1,40}){1,60}!", b"-" * 60)
