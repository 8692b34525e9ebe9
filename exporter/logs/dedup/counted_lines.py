"""The lines that were counted and may be shown again, by identity, as a multiset."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from exporter.logs.dedup.older_lines import OlderLines
from exporter.logs.dedup.overlap import overlap
from exporter.logs.dedup.snapshot import Snapshot
from exporter.model import LogType


class CountedLines:
    """What is remembered of counted lines, and the floor that the forgotten ones leave.

    Every counted line from after ``floor`` is known, so an unknown one from after it is new,
    whatever clocks do: no line can count twice because of its time.

    ``counted`` has each line's timestamp, ``older`` those of lines that no window shows, which come
    back to ``counted`` when one does; ``unsettled`` are those counted by reads that no whole
    window has followed; ``places`` those that have no prefix, and so no time of their own. Up to
    ``sealed`` every line of RUN was shown by streams: RUN_RESTARTED can bring no other.
    ``let_go``: lines were not counted that may have been new, and no gap says so yet.

    Args:
        floor: Unix nanoseconds; lines up to here may have been counted and forgotten.
    """

    def __init__(self, floor: int) -> None:
        self.floor = floor
        self.sealed = 0
        self.newest = 0
        self.let_go = False
        self.counted: dict[int, int] = {}
        self.older = OlderLines()
        self.unsettled: set[int] = set()
        self.places: set[int] = set()
        self._copies: dict[int, int] = {}  # line → how often beyond once
        self._untimed: dict[LogType, list[int]] = {}  # windows without a single timestamp
        self._lent = False  # whether a snapshot has ``counted``, which may not change then
        self.changed = True  # since the cursor was last kept

    @classmethod
    def of(cls, snapshot: Snapshot) -> "CountedLines":
        """What a snapshot remembers."""
        lines = cls(snapshot.floor)
        lines.newest = snapshot.newest
        lines.sealed = snapshot.sealed
        lines.let_go = snapshot.let_go
        lines.counted = dict(snapshot.counted)
        lines.older = snapshot.older
        lines.unsettled = set(snapshot.unsettled)
        lines.places = set(snapshot.places)
        lines._copies = dict(snapshot.copies)
        lines._untimed = {name: list(window) for name, window in snapshot.untimed.items()}
        return lines

    @property
    def copies(self) -> dict[int, int]:
        """How often each line that stood several times in one window was counted beyond once."""
        return dict(self._copies)

    @property
    def untimed(self) -> dict[LogType, tuple[int, ...]]:
        """The latest window of each log that has no timestamps."""
        return {log_type: tuple(lines) for log_type, lines in self._untimed.items()}

    def lend(self) -> Mapping[int, int]:
        """``counted`` as it is now, for good: what comes next goes to a copy.

        So a snapshot of many components takes no time, and each pays for the copy with its next
        line.
        """
        self._lent = True
        return self.counted

    def _own(self) -> dict[int, int]:
        """``counted``, which may be changed."""
        if self._lent:
            self.counted, self._lent = dict(self.counted), False
        return self.counted

    def known_at(self, line: int, copy: int, since: int | None = None) -> int | None:
        """The timestamp of the ``copy``-th (from 1) equal line of a window; None if uncounted.

        Args:
            since: a time (ns) that the line is not older than; None where it is not known.
        """
        timestamp = self.counted.get(line)
        if timestamp is None and (timestamp := self.older.time(line, since)) is not None:
            self._own()[line] = timestamp
        if copy > 1 + self._copies.get(line, 0):
            return None
        return timestamp

    def add(self, line: int, timestamp: int, *, settled: bool) -> None:
        """Remember one more copy of a line as counted.

        Args:
            settled: whether it is from before the floor or follows a known line; any other proves
                nothing about gaps until the window that showed it was read whole.
        """
        self.changed = True
        if not settled:
            self.unsettled.add(line)
        if line in self.counted:
            self._copies[line] = self._copies.get(line, 0) + 1
        else:
            self._own()[line] = timestamp
            self.newest = max(self.newest, timestamp)

    def knows_any(self, lines: Collection[int], *, since: int) -> bool:
        """Whether any of these lines, the oldest of them of a time (ns), is known to be counted."""
        if since <= self.older.newest and any(
            self.older.time(line, since) is not None for line in lines
        ):
            return True
        return not self.counted.keys().isdisjoint(lines)

    def add_all(self, lines: Sequence[int], timestamps: Sequence[int], newest: int) -> None:
        """Remember lines as counted and settled, none of which was known.

        Args:
            newest: the latest of the timestamps.
        """
        self.changed = True
        self._own().update(zip(lines, timestamps, strict=True))
        self.newest = max(self.newest, newest)

    def add_untimed(self, log_type: LogType, lines: list[int], *, first_is_new: bool) -> int:
        """How many lines at the end of a window without timestamps are new.

        Args:
            first_is_new: whether a first such window is new, and not from before.
        """
        before = self._untimed.get(log_type)
        self._untimed[log_type] = lines
        self.changed = self.changed or before != lines
        if before is not None:
            return len(lines) - overlap(before, lines)
        return len(lines) if first_is_new else 0

    def settle(self, lines: Iterable[int]) -> None:
        """A whole window has shown these."""
        self.unsettled.difference_update(lines)

    def time(self, line: int) -> int:
        """When a counted line was written (ns); 0 if it is not known."""
        return self.counted.get(line) or self.older.time(line) or 0

    def take_away(self, shown: Collection[int]) -> dict[int, int]:
        """What no window shows, with its times; it is no longer in ``counted`` then."""
        away = self._own()
        self.counted = {line: away.pop(line) for line in shown if line in away}
        return away

    def set_aside(self, lines: Mapping[int, int], part: int) -> None:
        """Keep in few bytes what was taken away: it is looked for where a line is not known.

        Args:
            part: how many lines may be forgotten at a time.
        """
        self.older = self.older.joined(lines, part)

    def forget(self, keep: int, until: int) -> bool:
        """Evict what was set aside except the newest ``keep``; the floor rises.

        Args:
            until: Unix nanoseconds; lines after that may not be forgotten yet.

        Returns:
            whether anything was forgotten.
        """
        self.older, gone, newest = self.older.forget(keep, until)
        self.floor = max(self.floor, newest)
        if self._copies:
            for line in gone:
                if line not in self.counted:
                    self._copies.pop(line, None)
        for some in (self.unsettled, self.places):
            if some:
                some.difference_update(line for line in gone if line not in self.counted)
        return bool(gone)
