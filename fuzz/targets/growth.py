"""Linear cost: no line, however it repeats itself, holds up any reader of lines.

The limit is CPU seconds for work of milliseconds: a reader that tries many ways to read a line
exceeds it on any machine, one that does not stays a thousandfold below.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
from fuzz.choices import Choices

SEEDS = (
    b"-\x01\x3c\x00",
    b'{"a": \x05\xff\x00',
    b"\x1b[0m\x03\x00\x40",
    b'INFO key=\\" \x04\x10\x01',
    b"[00:01<00:09, 1/s] 10%|\x06\x50\x00",
)
CPU_SECONDS = 5.0
_LONGEST = 60_000

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
"""What reads lines that programs wrote."""


class TooSlow(AssertionError):
    """A line took longer than any should."""


@contextmanager
def cpu_limit(line: bytes, seconds: float = CPU_SECONDS) -> Iterator[None]:
    """End what takes too long, so that a failure says which line it was."""

    def end(*_: object) -> None:
        raise TooSlow(f"{line[:80]!r}… of {len(line)} bytes")

    before = signal.signal(signal.SIGPROF, end)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def check(data: bytes) -> None:
    """Repeat a part of the text, and give the whole to each reader."""
    choices = Choices(data)
    times = choices.number(65535)
    length = choices.number(255)
    text = choices.rest().replace(b"\n", b" ")
    start = len(text) - min(length, len(text))
    piece = text[start:]
    line = (text[:start] + piece * times)[:_LONGEST] + text[:start][::-1]
    for read in READERS.values():
        with cpu_limit(line):
            read(line)
