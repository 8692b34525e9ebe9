"""Container ends in RUN_RESTARTED: which the log shows, and each one's last words.

The log holds, of each instance that restarted, the container that ended, with nothing that names
the instance: one after another, so that timestamps fall where the next begins, or interleaved.
Of interleaved ones the last line of the text is taken for the end of one: which other lines are the
last of their containers cannot be known.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from exporter.logs.lines import parse_line
from exporter.logs.platform_lines import exit_line

_LAST_WORDS = 1000
_SMALLEST_FALL = 50_000_000  # ns; timestamps of interleaved instances may fall by less
_MOST_FALLS = 2
"""Timestamps that fall more than so many times for each instance are of interleaved ones, whose
clocks differ: containers one after another have one fall for each but the first."""


class ShownLine(NamedTuple):
    """A line as a window showed it: its text, its identity, its time (ns).

    ``known``: it had been counted before.
    """

    raw: bytes
    line: int
    timestamp: int
    known: bool


@dataclass(frozen=True, slots=True)
class ContainerEnd:
    """A container that ended: the identity and time (ns) of its last line, its last lines.

    ``known``: some of its lines had been counted before this window.
    """

    line: int
    timestamp: int
    last_lines: tuple[bytes, ...]
    known: bool

    @property
    def last_words(self) -> tuple[bytes, ...]:
        """The messages of its last lines."""
        return tuple(parse_line(raw).message for raw in self.last_lines)


def container_ends(shown: Sequence[ShownLine], instances: int | None) -> list[ContainerEnd]:
    """The container ends that a whole RUN_RESTARTED text shows, in its order.

    Args:
        shown: every line of the text.
        instances: how many instances there are, so how many containers at most; None if unknown.
    """
    # The platform's own lines come late and out of time order: they neither part containers nor
    # identify one that has other lines.
    program = [index for index, line in enumerate(shown) if exit_line(line.raw) is None]
    if not program:
        return [_end(shown, shown[:1])] if shown else []
    falls = [(shown[a].timestamp - shown[b].timestamp, b) for a, b in pairwise(program)]
    falls = sorted((fall for fall in falls if fall[0] >= _SMALLEST_FALL), reverse=True)
    if instances is not None:
        interleaved = len(falls) > _MOST_FALLS * instances
        falls = [] if interleaved else falls[: instances - 1]
    starts = [0, *sorted(index for _, index in falls), len(shown)]
    own = set(program)
    return [
        _end(shown[a:b], [shown[index] for index in range(a, b) if index in own])
        for a, b in pairwise(starts)
    ]


def _end(container: Sequence[ShownLine], program: Sequence[ShownLine]) -> ContainerEnd:
    last = program[-1]
    lines = tuple(shown.raw for shown in container[-_LAST_WORDS:])
    return ContainerEnd(last.line, last.timestamp, lines, any(shown.known for shown in container))
