"""Lines that no window shows any more, in sixteen bytes each: known if they ever come back."""

from __future__ import annotations  # arrays cannot be subscripted when the program runs

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class OlderLines:
    """The identities of lines in order, and their times (ns) beside them; never changed.

    ``newest``: the latest of the times, 0 of no line.
    """

    lines: array[int] = field(default_factory=lambda: array("Q"))
    times: array[int] = field(default_factory=lambda: array("q"))
    newest: int = 0

    @classmethod
    def of(cls, times: Mapping[int, int]) -> OlderLines:
        """These lines with their times."""
        lines = array("Q", sorted(times))
        return cls.in_order(lines, array("q", map(times.__getitem__, lines)))

    @classmethod
    def in_order(cls, lines: array[int], times: array[int]) -> OlderLines:
        """These lines, which are in the order of their identities, with their times."""
        return cls(lines, times, max(times, default=0))

    def __len__(self) -> int:
        return len(self.lines)

    def time(self, line: int) -> int | None:
        """When a line was written; None if it is none of these."""
        index = bisect_left(self.lines, line)
        if index < len(self.lines) and self.lines[index] == line:
            return self.times[index]
        return None

    def joined(self, others: Mapping[int, int]) -> OlderLines:
        """These and others, by their times."""
        return OlderLines.of(dict(zip(self.lines, self.times, strict=True)) | dict(others))

    def newest_of(
        self, others: Mapping[int, int], keep: int, until: int
    ) -> tuple[OlderLines, list[int], int]:
        """Of these and others the newest ``keep``, and all from after ``until`` (ns).

        Returns:
            what stays, what goes, and the newest time of that; 0 of nothing.
        """
        # Where as many newer ones have come as are kept, as a busy log brings them, all these go.
        oldest = min(others.values(), default=0)
        all_go = len(others) >= keep and self.newest < oldest and self.newest <= until
        held = OlderLines() if all_go else self
        times = dict(zip(held.lines, held.times, strict=True)) | dict(others)
        by_age, ages = list(times), list(times.values())
        if ages != sorted(ages):
            by_age.sort(key=times.__getitem__)
        may_go = bisect_right(by_age, until, key=times.__getitem__)
        going = min(max(0, len(by_age) - keep), may_go)
        gone, newest = by_age[:going], times[by_age[going - 1]] if going else 0
        if all_go:
            gone, newest = [*self.lines, *gone], max(newest, self.newest)
        lines = array("Q", sorted(by_age[going:]))
        stays = OlderLines.in_order(lines, array("q", map(times.__getitem__, lines)))
        return stays, gone, newest
