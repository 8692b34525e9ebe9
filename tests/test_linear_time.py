"""No line of a log can hold up the exporter: whatever it repeats, reading it takes linear time.

The readers and the limit are those of the fuzzer's target ``growth``.
"""

import random
import re
from collections.abc import Iterator

import pytest

from fuzz.targets.growth import READERS, TooSlow, cpu_limit

SIZES = (60, 400, 60_000)
LINES = 300

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
    with pytest.raises(TooSlow, match="---"), cpu_limit(b"-" * 60, 0.5):
        re.match(rb"(?:-{1,40}){1,60}!", b"-" * 60)
