"""One read of one log: fed its lines in order, it gives back those that are new."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice, repeat

from xxhash import xxh3_64_intdigest

from exporter.logs.dedup.counted_lines import CountedLines
from exporter.logs.lines import CutLine, timestamp_of, timestamps_of
from exporter.logs.log_lines import LogLines
from exporter.logs.restarts.restart_tally import RestartTally
from exporter.model import LIVE_PART, LogType

_REPLACED = re.compile("\ufffd+")

CLOCK_NS = 15_000_000_000
"""Nanoseconds: clocks of instances may differ by ten seconds, and lines come some seconds late.

Timestamps that fall by more begin another instance's text.
"""

# A text with so many times the lines that a limit allows was not limited so. It may have a few more
# than that of a limit which was honoured: lines that were written while it was served.
_BEYOND_LIMIT = 1.25


_FEW = 16
"""New lines of a text, from which on it is taken to be new to its end."""


@dataclass(frozen=True, slots=True)
class Base:
    """The lines of a whole window behind which every unknown line is new.

    Each line of it is known, and so is each that was counted since. A window that asks for no more
    lines shows nothing else that was there before it, but for what stood before its first line
    and comes into view again where lines behind that were taken away.

    Args:
        whole: it showed each container from its first line, so that nothing stood before it.
    """

    lines: Sequence[int]
    whole: bool


@dataclass(frozen=True, slots=True)
class WindowStart:
    """What was known of a log when a window of it began.

    Args:
        resolves: whether lines had vanished from RUN before, and may be in this window.
        tally: the platform's restart counts.
        run_read_to: the newest timestamp of RUN's latest whole window.
        untimed_is_new: whether a first text without timestamps is not from before.
        instances: how many instances there are, None if that varies.
        old_until: Unix nanoseconds; lines up to here are from before the exporter's time.
        from_before: Unix nanoseconds; lines up to here are from before it, whatever clocks do.
        base: what the window can be compared with; None where it may show more than that knows.
        limit_each: whether the platform limits the text of each instance, not the whole text.
    """

    resolves: bool
    tally: RestartTally
    run_read_to: int
    untimed_is_new: bool
    instances: int | None
    old_until: int
    from_before: int
    base: Base | None
    limit_each: bool


class _Written:
    """When lines were written: of many they are read at once, which takes a fraction of the time.

    Args:
        raws: the lines.
    """

    def __init__(self, raws: Sequence[bytes]) -> None:
        self._raws = raws
        self._asked = 0
        self._timestamps: Sequence[int] | None = None

    def at(self, index: int) -> int | None:
        """Return the timestamp of a line; none is asked for twice, and a later one comes later."""
        self._asked += 1
        if self._asked == _FEW:
            self._timestamps = timestamps_of(self._raws[index:])
        if self._timestamps is None:
            return timestamp_of(self._raws[index])
        return self._timestamps[index - len(self._raws)]  # it has the last of them


class Window:
    """The lines of one read, compared with what the ``memory`` knows.

    A line without a prefix is placed by the timestamped line before it or, failing that, the
    one after it, so that equal ones at other places are other lines; it waits for that neighbour.

    Args:
        memory: what has been counted; every line fed is counted there from then on.
        log_type: RUN or RUN_RESTARTED.
        tail_lines: how many lines were asked for.
        open_ended: whether lines that came later may follow those.
        start: what was known when the window began.
    """

    def __init__(
        self,
        memory: CountedLines,
        log_type: LogType,
        tail_lines: int,
        start: WindowStart,
        *,
        open_ended: bool,
    ) -> None:
        self.log_type = log_type
        self.resolves = start.resolves
        self.tally = start.tally
        self.run_read_to = start.run_read_to
        self.seen: dict[int, int] = {}  # line → copies in this window
        self.shown: list[tuple[bytes, int, bool]] = []  # RUN_RESTARTED: raw, line, known
        self.live = False  # it showed live text
        self.past = False  # it showed archives
        self.reaches_back = False  # to a line that is known or from before the floor
        self.repeated = 0
        self.newest = 0  # timestamp
        self.first = 0  # timestamp
        self.goes_on = False  # read whole up to a point; what is fed now comes live behind that
        self.opened_at = 0  # Unix nanoseconds: up to when a stream may bring what was there before
        self.begins_log = False  # nothing had been written when it began
        self._memory = memory
        self._open_ended = open_ended
        self._untimed_is_new = start.untimed_is_new
        self._instances = start.instances
        self._old_until = start.old_until
        self._from_before = start.from_before
        self._base = start.base
        self._limit_each = start.limit_each
        self._base_lines: frozenset[int] | None = None  # made when it is asked for
        self._passed = 0  # how many of ``seen`` are known not to be of the base
        self.tail_lines = tail_lines
        self.keep = tail_lines  # how many of its lines are kept in mind while it goes on
        self.new = 0  # lines that no whole window has shown
        self._again = 0  # those of them that a read that broke off has counted
        self.live_lines = 0
        self._before: int | None = None  # the timestamped line that came last
        self._before_is_old = False  # whether that is unknown, and may have been forgotten
        self._waiting: list[bytes] = []  # lines without prefix since then
        self._placed = 0  # such lines since then that wait no more
        self._untimed: list[int] = []  # such lines of a text that has no other
        self._last = 0  # its timestamp
        self._run_knows = False  # a known line in the present run of rising timestamps
        self.stretch_since = 0  # timestamp of the longest stretch's first line
        self._stretch_began = 0
        self._stretch = 0  # new live lines that may be of one instance
        self._longest_stretch = 0
        self._begins_new = False  # its first line is new

    def feed(self, raws: Sequence[bytes], part: int = LIVE_PART) -> LogLines:
        """The lines among ``raws`` that have not been counted, in order."""
        live = part == LIVE_PART
        if live and self.past and not self.live:
            self.seen = dict.fromkeys(self.seen, 0)  # live text repeats what archives hold
        self.live = self.live or live
        self.past = self.past or not live
        self.live_lines += live * len(raws)
        lines = line_keys(raws)
        if self.goes_on and (news := self._take_news(raws, lines)) is not None:
            return news
        fresh, written = LogLines(), _Written(raws)
        start = 0
        while start < len(lines):
            # Most of a window was counted before: that much of it goes by without a look.
            end = self._skip_known(lines, start)
            if end > start:
                self._repeat(raws[start:end], lines[start:end], fresh)
            if end < len(lines):
                self._take(raws[end], lines[end], live, fresh, partial(written.at, end))
            start = end + 1
        return fresh

    def _take_news(self, raws: Sequence[bytes], lines: Sequence[int]) -> LogLines | None:
        """The lines, where all are new and have a time, as on a stream they mostly are."""
        distinct = dict.fromkeys(lines, 1)
        if len(distinct) < len(lines) or self._waiting:
            return None
        timestamps = timestamps_of(raws)
        if not timestamps:
            return None
        oldest = min(timestamps)
        if self._is_stale(oldest) or self._memory.knows_any(lines, since=oldest):
            return None
        newest = max(timestamps)
        self._memory.add_all(lines, timestamps, newest)
        if len(distinct) >= self.keep:
            self.seen = distinct  # of more than those nothing is kept in mind
        else:
            self.seen.update(distinct)
        self._before, self._last, self._placed = lines[-1], timestamps[-1], 0
        self._before_is_old = False
        self.first = self.first or timestamps[0]
        self.newest = max(self.newest, newest)
        self.new += len(lines)
        return LogLines(raws, timestamps)

    def rest(self) -> LogLines:
        """The new ones of the lines that still wait for a neighbour, once the text has ended."""
        fresh = LogLines()
        if self._before is None:
            self._count_untimed(fresh)
        else:
            self._place_waiting(None, False, fresh)
        return fresh

    def moved_on(self) -> bool:
        """Whether the log moved on further than this window provably reaches back.

        As many new lines of one instance as were asked for may be all that was left of more;
        fewer show that none is missing, as the text reaches back to what is known or shows the
        container from its first line. Where the limit is one for the whole text, or may be, the
        lines before a new one that begins it may be missing.
        """
        if self.served_whole or self.begins_log:
            return False
        if self._instances != 1 and self._longest_stretch >= self.tail_lines:
            return True
        if self._limit_each or self.exceeds_limit:
            return False
        asked, shown = self.tail_lines, self.live_lines
        grows = self._open_ended or self._instances == 1
        cut = shown >= asked if grows else shown == asked
        return cut and (self.new == shown or (self._begins_new and self._base is not None))

    @property
    def counted(self) -> int:
        """How many lines it was the first to show."""
        return self.new - self._again

    @property
    def copies(self) -> int:
        """How many of its lines equal others in it: one that is remembered stands for them."""
        return max(0, self.live_lines - len(self.seen))

    def begins_earlier(self, since: int) -> bool:
        """Whether it is the beginning of a stream that shows more than was asked for.

        Then nothing of it is new, and it does not reach as far as a time (ns) that was read: what
        it does not show of what is known comes behind it. Of several instances, the one that was
        read up to then may have gone.
        """
        full = self._open_ended and self.live_lines >= self.tail_lines
        known = self.reaches_back and not self.new
        return self._instances == 1 and full and known and self.newest < since

    @property
    def exceeds_limit(self) -> bool:
        """Whether several instances show more lines than a limit for the whole text allows."""
        if self._instances == 1 or self._open_ended or self.past:
            return False
        return self.live_lines >= self.tail_lines * _BEYOND_LIMIT

    @property
    def served_whole(self) -> bool:
        """Whether it shows more lines than a platform serves that honours the limit."""
        if self._instances is None or self._open_ended:
            return False
        return self.live_lines >= max(1, self._instances) * self.tail_lines * _BEYOND_LIMIT

    @property
    def complete(self) -> bool:
        """Whether it showed, once fed to its end, each container from its first line."""
        few = self.live_lines < self.tail_lines
        return self.live and not self.past and (few or self.served_whole)

    @property
    def waiting(self) -> bool:
        """Whether lines without prefix wait for the line behind them."""
        return bool(self._waiting)

    @property
    def identity(self) -> int:
        """The same for windows that show the same lines in the same order; 64 bits."""
        return hash(tuple(self.seen))

    def trim(self) -> None:
        """Evict all lines shown except the latest that are kept."""
        if len(self.seen) > self.keep:
            self.seen = dict(islice(self.seen.items(), len(self.seen) - self.keep, None))
        del self._untimed[: -self.keep]

    def _skip_known(self, lines: Sequence[int], start: int) -> int:
        """Where the counted lines from ``start`` on end: at one unknown, or seen before here."""
        counted, seen, unsettled = self._memory.counted, self.seen, self._memory.unsettled
        for index in range(start, len(lines)):
            line = lines[index]
            if line not in counted or line in seen or line in unsettled:
                return index
            seen[line] = 1
        return len(lines)

    def _repeat(self, raws: Sequence[bytes], lines: Sequence[int], fresh: LogLines) -> None:
        """Pass over counted lines in a row."""
        if self._waiting:
            self._place_waiting(lines[0], False, fresh)
        first = self._memory.counted[lines[0]]
        if self._instances == 1 or first < self._last:
            self._stretch = 0  # the text of one instance ends here, or reaches back to here
        self._before, self._last = lines[-1], self._memory.counted[lines[-1]]
        self._before_is_old, self._placed = False, 0
        self.newest = max(self.newest, *map(self._memory.counted.__getitem__, lines))
        self.first = self.first or self._memory.counted[lines[0]]
        self.repeated += len(lines)
        self.reaches_back = self._run_knows = True
        if self.log_type is LogType.RUN_RESTARTED:
            self.shown.extend(zip(raws, lines, repeat(True)))

    def _take(
        self, raw: bytes, line: int, live: bool, fresh: LogLines, time: Callable[[], int | None]
    ) -> None:
        """Decide on one line that may be new; ``time`` returns when it was written."""
        copy, written = self.seen.get(line, 0) + 1, time()
        timestamp = self._memory.known_at(line, copy, written)
        if timestamp is None:
            if written is None:
                self._waiting.append(raw)
            else:
                self._unknown(raw, written, line, copy, live, fresh)
            return
        self.seen[line] = copy
        if line not in self._memory.unsettled:
            self._repeat([raw], [line], fresh)
            return
        # Counted by a read that broke off: no news, and no proof that the log goes on from
        # the window before.
        self._step(line, timestamp, True, fresh)
        self.repeated += 1
        self._again += 1
        self._stretch_on(live)
        self._show(raw, line, known=True)

    def _step(self, line: int, timestamp: int, new: bool, fresh: LogLines) -> None:
        """Advance to a timestamped line; a falling timestamp begins another instance's run."""
        if self._waiting:
            self._place_waiting(line, new, fresh)
        if timestamp < self._last:
            self._run_knows = False
            if timestamp < self._last - CLOCK_NS:
                self._stretch = 0
        self._begins_new = self._begins_new or (new and not self.first)
        self._before, self._last, self._placed = line, timestamp, 0
        self._before_is_old = not new
        self.first = self.first or timestamp
        self.newest = max(self.newest, timestamp)

    def _count_new(self, raw: bytes, timestamp: int | None, live: bool, fresh: LogLines) -> None:
        fresh.append(raw, timestamp)
        self._stretch_on(live)

    def _stretch_on(self, live: bool) -> None:
        self.new += 1
        self._stretch += live
        if self._stretch == 1:
            self._stretch_began = self._last
        if self._stretch > self._longest_stretch:
            self._longest_stretch, self.stretch_since = self._stretch, self._stretch_began

    def _unknown(
        self,
        raw: bytes,
        timestamp: int,
        line: int,
        copy: int,
        live: bool,
        fresh: LogLines,
    ) -> None:
        new = self._is_new(timestamp, live)
        self._step(line, timestamp, new, fresh)
        if new:
            self._count_new(raw, timestamp, live, fresh)
        else:
            self.reaches_back = True
            if not live:
                return  # the beginning of a long archive is let go, not remembered
        self.seen[line] = copy
        settled = not new or self.goes_on or (self._run_knows and self._instances == 1)
        self._memory.add(line, timestamp, settled=settled)
        self._show(raw, line, known=not new)

    def _is_new(self, timestamp: int, live: bool) -> bool:
        """Whether an unknown line, written at a time (ns), has not been counted.

        All that is known to be counted of times after the floor is remembered. What is older may
        have been forgotten, unless something else shows that it was not there before.
        """
        memory = self._memory
        if timestamp > max(memory.floor, self._old_until):
            return True
        if self.goes_on:
            return not self._is_stale(timestamp)
        if not live or timestamp <= self._old_until:
            return False
        if self._follows_known(timestamp) or self._is_behind_base():
            return True
        if self._base is not None and timestamp > self._from_before:
            memory.let_go = True
        return False

    def _is_stale(self, timestamp: int) -> bool:
        """Whether a line that a stream brings is older than the stream, and may be forgotten.

        A platform that serves more lines than were asked for brings such lines.
        """
        return timestamp <= min(self._memory.floor, self.opened_at)

    def _follows_known(self, timestamp: int) -> bool:
        """Whether it follows a known line of the only instance there is."""
        if timestamp <= self._memory.sealed:
            return False
        return self._instances == 1 and self._run_knows and timestamp >= self._last

    def _is_behind_base(self) -> bool:
        """Whether a line of the base stands before, or nothing did."""
        base = self._base
        if base is None:
            return False
        if base.whole:
            return True
        if self._base_lines is None:
            self._base_lines = frozenset(base.lines)
        if self._passed >= 0:
            more = islice(self.seen, self._passed, None)
            self._passed = len(self.seen) if self._base_lines.isdisjoint(more) else -1
        return self._passed < 0

    def _show(self, raw: bytes, line: int, *, known: bool) -> None:
        if self.log_type is LogType.RUN_RESTARTED:
            self.shown.append((raw, line, known))

    def _place_waiting(self, after: int | None, after_new: bool, fresh: LogLines) -> None:
        """Decide on the lines without prefix between two timestamped ones, or at an end."""
        before, raws, self._waiting = self._before, self._waiting, []
        if before is None:
            new_here = after_new
        else:
            comes_live = self.goes_on and not self._is_stale(self._last)
            new_here = not self._before_is_old or comes_live
        for index, raw in enumerate(raws):
            places = []
            if before is not None:
                places.append(_place(b"%d after %d " % (self._placed + index, before), raw))
            if after is not None:
                places.append(_place(b"%d before %d " % (len(raws) - index, after), raw))
            known = any(self._memory.known_at(place, 1) is not None for place in places)
            self.repeated += known
            if new_here and not known:
                self._count_new(raw, None, self.live, fresh)
            for place in places:
                self.seen[place] = 1
                if self._memory.known_at(place, 1) is None:
                    self._memory.places.add(place)
                    settled = not new_here or self.goes_on
                    self._memory.add(place, self._last, settled=settled)
            self._show(raw, places[0], known=known or not new_here)
        self._placed += len(raws)

    def _count_untimed(self, fresh: LogLines) -> None:
        """A text without a single timestamp: new is what follows the end of the one before."""
        raws, self._waiting = self._waiting, []
        if not raws:
            return
        lines = [line_key(raw) for raw in raws]
        self._untimed += lines
        new = self._memory.add_untimed(
            self.log_type, self._untimed.copy(), first_is_new=self._untimed_is_new
        )
        if self.goes_on:
            new = len(raws)  # whatever they repeat
        self.repeated += len(raws) - new
        self.reaches_back = new < len(raws)
        for raw in raws[len(raws) - new :]:
            self._count_new(raw, None, self.live, fresh)
        for index, (raw, line) in enumerate(zip(raws, lines, strict=True)):
            self.seen[line] = 1
            self._show(raw, line, known=index < len(raws) - new)


def line_key(raw: bytes) -> int:
    """The identity of a line: 64 bits of its text, and of its length where it was cut.

    Live text is JSON, which cannot hold bytes that are no UTF-8: where an archive has them, live
    text has U+FFFD, once or several times. Both are the same line.
    """
    size = raw.size if isinstance(raw, CutLine) else 0
    if not raw.isascii():
        raw = _REPLACED.sub("\ufffd", raw.decode("utf-8", "replace")).encode()
    return xxh3_64_intdigest(raw, size)


def line_keys(raws: Sequence[bytes]) -> list[int]:
    """The identity of each line; quick where none was cut and all are plain UTF-8."""
    if CutLine not in set(map(type, raws)) and _is_plain(b"\n".join(raws)):
        return list(map(xxh3_64_intdigest, raws))
    return list(map(line_key, raws))


def _is_plain(text: bytes) -> bool:
    """Whether it stands for itself: it is UTF-8, and nothing in it was replaced."""
    return text.isascii() or "\ufffd" not in text.decode("utf-8", "replace")


def _place(where: bytes, raw: bytes) -> int:
    return xxh3_64_intdigest(where + raw)
