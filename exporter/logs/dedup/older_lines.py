"""Lines that no recent window shows, in sixteen bytes each: known if they ever come back."""

from __future__ import annotations  # arrays cannot be subscripted when the program runs

from array import array
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass

_PARTS = 16
"""Runs are joined while they are smaller than this fraction of all lines."""


@dataclass(frozen=True, slots=True)
class Run:
    """The identities of lines in order, and their times (ns) beside them; never changed.

    ``newest``: the latest of the times.
    """

    lines: array[int]
    times: array[int]
    newest: int

    @classmethod
    def of(cls, times: Mapping[int, int]) -> Run:
        """These lines with their times; at least one."""
        lines = array("Q", sorted(times))
        return cls(lines, array("q", map(times.__getitem__, lines)), max(times.values()))

    def __len__(self) -> int:
        return len(self.lines)

    def time(self, line: int) -> int | None:
        """When a line was written; None if it is none of these."""
        index = bisect_left(self.lines, line)
        if index < len(self.lines) and self.lines[index] == line:
            return self.times[index]
        return None

    def items(self) -> dict[int, int]:
        """Its lines with their times."""
        return dict(zip(self.lines, self.times, strict=True))


@dataclass(frozen=True, slots=True)
class OlderLines:
    """Runs of lines; those that were set aside together are forgotten together."""

    runs: tuple[Run, ...] = ()

    def __len__(self) -> int:
        return sum(map(len, self.runs))

    @property
    def newest(self) -> int:
        """The latest of all times; 0 of no line."""
        return max((run.newest for run in self.runs), default=0)

    def time(self, line: int, since: int | None = None) -> int | None:
        """When a line was written; None if it is none of these.

        Args:
            since: a time (ns) that the line is not older than; None where it is not known.
        """
        for run in self.runs:
            recent = since is None or run.newest >= since
            if recent and (time := run.time(line)) is not None:
                return time
        return None

    def joined(self, others: Mapping[int, int], part: int) -> OlderLines:
        """These and others; the last runs become one while it has no more than ``part`` lines.

        A line that is known already is forgotten with the later of its times: in one run it keeps
        that one alone, in two runs both.
        """
        if not others:
            return self
        runs, lines = list(self.runs), dict(others)
        part = max(part, (len(self) + len(lines)) // _PARTS)
        while runs and len(runs[-1]) + len(lines) <= part:
            lines = _merged(runs.pop().items(), lines)
        return OlderLines((*runs, Run.of(lines)))

    def forget(self, keep: int, until: int) -> tuple[OlderLines, list[int], int]:
        """Evict the oldest runs, as far as ``keep`` lines stay.

        Args:
            until: no run with a line from after that time (ns) goes.

        Returns:
            what stays, the lines that went, and the newest time of those; 0 of none.
        """
        left, gone, newest = len(self), list[int](), 0
        stays = list(self.runs)
        for run in sorted(self.runs, key=lambda run: run.newest):
            if run.newest > until or left - len(run) < keep:
                break
            stays.remove(run)
            left -= len(run)
            gone += run.lines
            newest = run.newest
        return OlderLines(tuple(stays)), gone, newest


def _merged(older: dict[int, int], newer: dict[int, int]) -> dict[int, int]:
    """Both, where a line that is in both has the later of its times."""
    both = {line: max(older[line], newer[line]) for line in older.keys() & newer.keys()}
    return older | newer | both
