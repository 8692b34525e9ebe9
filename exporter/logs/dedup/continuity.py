"""What has been counted of a log, and what a whole read of it says about missing lines.

The platform gives a log no cursor: each read shows a window of it, and windows overlap, are cut,
and show the same line in RUN and later in RUN_RESTARTED. What identifies a line is its whole
text with its timestamp, as a multiset: two equal lines in one window are two lines.

A ``Continuity`` remembers one deployment of one component, RUN and RUN_RESTARTED together. Two
invariants make it impossible that a line counts twice:

- Every counted line from after the ``floor`` is remembered, so an unknown line from after that
  time is new.
- Every line of the ``base`` is remembered, and every line counted since. The base is the latest
  whole window of RUN that asked for as many lines as are ever asked for. Whatever a later window
  shows that was there before the base is in it, so an unknown line behind a line of it is new.

Any other unknown line is taken for one that was counted and forgotten; where the base says that
nothing can have been forgotten that stands there, a gap is announced for it.
"""

from __future__ import annotations  # arrays cannot be subscripted when the program runs

from array import array
from collections.abc import Collection, Mapping
from itertools import chain

from exporter.logs.dedup.counted_lines import CountedLines
from exporter.logs.dedup.departures import Departures
from exporter.logs.dedup.kept_windows import KeptWindows
from exporter.logs.dedup.snapshot import Snapshot
from exporter.logs.dedup.window import CLOCK_NS, Base, Window, WindowStart
from exporter.logs.dedup.window_end import WindowEnd
from exporter.logs.restarts.container_ends import ShownLine, container_ends
from exporter.logs.restarts.restart_tally import RestartTally
from exporter.logs.restarts.unseen_ends import UnseenEnds
from exporter.model import GapReason, LogType

_REMEMBERED_ENDS = 256
_MOST_TIMES, _MOST_LINES = 20, 20_000
"""So many times ``remember`` lines are kept at the most, or so many if that is more."""

_WHOLE = 1 << 62  # lines: what a base reaches back by that showed each log from its first line

_ANY_NUMBER = 1000  # of instances, where that varies


class Continuity:
    """What has been counted of one deployment of one component.

    Args:
        floor: Unix nanoseconds; lines up to here are from before the exporter's time.
        remember: how many counted lines are remembered beside the latest windows.
        instances: how many instances the component has, None if that varies.
        restarts_watched: whether RUN_RESTARTED is read too.
        from_first_line: whether the deployment began under the exporter's eyes, so that its first
            lines are not from before, nor those without a time.
        released_at: the newest timestamp (ns) that was read of the deployment before it was let
            go, 0 if it never was.
    """

    def __init__(
        self,
        floor: int,
        *,
        remember: int,
        instances: int | None = None,
        restarts_watched: bool = True,
        from_first_line: bool = False,
        released_at: int = 0,
    ) -> None:
        self._lines = CountedLines(max(floor - CLOCK_NS, released_at))
        self._start = floor
        self._remember = remember
        self._instances = instances
        self._restarts_watched = restarts_watched
        self._from_first_line = from_first_line
        self._windows = KeptWindows()
        self._departures = Departures()
        self._ends: dict[int, None] = {}
        self._run_read_to = 0  # newest timestamp of RUN's latest whole window
        self._restarted_read_to = 0  # the same when RUN_RESTARTED was last read whole after it
        self._run_tail = 0  # how many lines RUN's latest whole window had asked for
        self._base = array("Q")  # the lines of the latest base
        self._base_tail = 0  # how many lines a window may ask for to be held against it
        self._restarted_tail = 0  # how many lines RUN_RESTARTED's latest whole window asked for
        self._limit_each = False  # a text showed that tail_lines does not limit it as a whole
        self._unseen_ends = UnseenEnds(RestartTally(held=from_first_line))
        self._windows_open = 0
        self._tidied = 0  # how many lines were left when what no window shows was set aside
        self._stream: Window | None = None  # one that goes on

    @property
    def newest(self) -> int:
        """The newest timestamp (ns) of any line read; 0 if none was."""
        return self._lines.newest

    @property
    def in_doubt(self) -> bool:
        """Whether containers left RUN of which RUN_RESTARTED has to show the lines."""
        return bool(self._departures)

    @property
    def needs_base(self) -> bool:
        """Whether RUN should be read as far back as is ever asked for.

        Then what no window shows can be forgotten.
        """
        return not self._base_tail or len(self._lines.older) > 2 * self._remember

    @property
    def changed(self) -> bool:
        """Whether anything is known that was not when this was last set to False."""
        return self._lines.changed

    @changed.setter
    def changed(self, changed: bool) -> None:
        self._lines.changed = changed

    def snapshot(self) -> Snapshot:
        """What is known now, as a value."""
        if self._stream is not None:
            self._note_stream(self._stream)
        return Snapshot(
            floor=self._lines.floor,
            start=self._start,
            newest=self._lines.newest,
            from_first_line=self._from_first_line,
            run_read_to=self._run_read_to,
            restarted_read_to=self._restarted_read_to,
            vanished=frozenset(self._departures.lines),
            run_tail=self._run_tail,
            base=self._base,
            base_tail=self._base_tail,
            let_go=self._lines.let_go,
            moved_off=self._departures.moved_off,
            sealed=self._lines.sealed,
            restarted_tail=self._restarted_tail,
            ended_news=self._departures.ended_news,
            limit_each=self._limit_each,
            tally=self._unseen_ends.tally,
            loss_told=self._unseen_ends.loss_told,
            unseen_told=self._unseen_ends.unseen_told,
            places=frozenset(self._lines.places),
            counted=self._lines.lend(),
            older=self._lines.older,
            copies=self._lines.copies,
            unsettled=frozenset(self._lines.unsettled),
            ends=tuple(self._ends),
            windows=dict(self._windows.latest),
            earlier=tuple(self._windows.earlier),
            untimed=self._lines.untimed,
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Know what a snapshot knew, in place of everything known before."""
        self._lines = CountedLines.of(snapshot)
        self._start = snapshot.start
        self._from_first_line = snapshot.from_first_line
        self._run_read_to = snapshot.run_read_to
        self._restarted_read_to = snapshot.restarted_read_to
        self._departures = Departures(
            snapshot.vanished, moved_off=snapshot.moved_off, ended_news=snapshot.ended_news
        )
        self._run_tail = snapshot.run_tail
        self._base = snapshot.base
        self._base_tail = snapshot.base_tail
        self._restarted_tail = snapshot.restarted_tail
        self._limit_each = snapshot.limit_each
        self._unseen_ends = UnseenEnds(snapshot.tally, snapshot.loss_told, snapshot.unseen_told)
        self._ends = dict.fromkeys(snapshot.ends)
        self._windows = KeptWindows(snapshot.windows, snapshot.earlier)
        self._stream = None

    def configure(self, *, remember: int, instances: int | None, restarts_watched: bool) -> None:
        """Apply another configuration or another number of instances; see the constructor."""
        self._remember = remember
        self._instances = instances
        self._restarts_watched = restarts_watched

    def count_restarts(self, counts: Mapping[str, int], at: float) -> None:
        """Take in the platform's restart count of each instance, as of a time (Unix seconds)."""
        self._set_unseen_ends(self._unseen_ends.count(counts, at))

    def _set_unseen_ends(self, unseen_ends: UnseenEnds) -> None:
        self.changed = self.changed or unseen_ends != self._unseen_ends
        self._unseen_ends = unseen_ends

    def window(self, log_type: LogType, tail_lines: int, *, open_ended: bool = False) -> Window:
        """A read of ``log_type`` that begins now and asks for ``tail_lines`` lines.

        ``open_ended``: it follows the log, so that more than those may come.
        """
        self._windows_open += 1
        start = WindowStart(
            resolves=bool(self._departures),
            tally=self._unseen_ends.tally,
            run_read_to=self._run_read_to,
            untimed_is_new=self._from_first_line or log_type in self._windows,
            instances=self._instances,
            old_until=self._old_until(log_type),
            from_before=self._start - CLOCK_NS,
            base=self._base_for(log_type, tail_lines),
            limit_each=self._limit_each and self._instances != 1,
        )
        return Window(self._lines, log_type, tail_lines, start, open_ended=open_ended)

    def _old_until(self, log_type: LogType) -> int:
        """The time (ns) up to which a window shows lines from before the exporter's time.

        What the first window of a log did not show and a later one does was written since, if RUN
        was read whole before its container went to RUN_RESTARTED.
        """
        read = log_type in self._windows and LogType.RUN in self._windows
        return 0 if self._from_first_line or read else self._start

    def _base_for(self, log_type: LogType, tail_lines: int) -> Base | None:
        if log_type is not LogType.RUN or tail_lines > self._base_tail:
            return None
        return Base(self._base, self._base_tail == _WHOLE)

    def finish(self, window: Window) -> WindowEnd:
        """Take note of a window that was read whole."""
        identity = window.identity
        as_before = self._windows.shows(window.log_type, identity)
        if window.exceeds_limit and not self._limit_each:
            self._limit_each = self.changed = True
        restarted = window.log_type is LogType.RUN_RESTARTED
        result = (
            self._finish_restarted(window) if restarted else self._finish_run(window, as_before)
        )
        if window.past and not restarted:
            self._keep_ended(window)
        if window.live or (restarted and not window.past):
            self._keep_window(window, None if as_before else identity)
        self._lines.settle(window.seen)
        rebased = window.live and not (restarted or window.past) and self._rebase(window)
        self._close(rebased=rebased)
        return result

    def _rebase(self, window: Window) -> bool:
        """Make a whole window of RUN the base, if it shows no less than the one before."""
        tail_lines = _WHOLE if window.complete else window.tail_lines
        if tail_lines < min(self._base_tail, self._remember):
            return False
        lines = self._windows.latest[LogType.RUN]
        if lines is not self._base or tail_lines != self._base_tail:
            self._base, self._base_tail, self.changed = lines, tail_lines, True
        return True

    def _keep_ended(self, window: Window) -> None:
        """Keep what RUN's archives show of the containers that ran when another deployment came."""
        self._windows.replace_run(window.seen)
        self.changed = True

    def _keep_window(self, window: Window, identity: int | None) -> None:
        if self._windows.keep(window, identity):
            self.changed, self._tidied = True, 0

    def go_on(self, window: Window) -> None:
        """Take note of what a stream brought behind a window that was read whole.

        The latest lines, as many as the window had asked for, stand for it from now on: what a
        read of as many shows of the same container is among them or new.
        """
        if not window.goes_on:
            window.goes_on = True
            self._stream = window
        self._note_stream(window)
        if self._windows_open:
            return
        if self._departures:
            self._forget(self._remember, rebased=False, streamed=True)
            return
        self._windows.earlier.clear()
        if self._instances == 1:
            # Its container has lived all the while: no other can have come and gone unseen.
            self._restarted_read_to = max(self._restarted_read_to, self._run_read_to)
            self._base, self._base_tail = self._windows.latest[LogType.RUN], window.keep
            self._forget(min(self._remember, window.keep), rebased=True)
        else:
            self._forget(self._remember, rebased=False, streamed=True)
        self._lines.sealed = self._lines.floor

    def _note_stream(self, window: Window) -> None:
        window.trim()
        self._lines.settle(window.seen)
        self._windows.replace_run(window.seen)
        self._tidied = 0
        self._run_tail = window.keep
        self._run_read_to = max(self._run_read_to, window.newest)

    def close_run(self) -> None:
        """Expect no more of RUN's latest window: its containers have ended, and all was counted.

        That its lines leave RUN is no news then.
        """
        self.changed = self._windows.close_run() or self.changed

    def follow_whole(self) -> None:
        """A stream has just brought the log of RUN's only container to its end; another begins.

        Where RUN_RESTARTED is read, it shows whether that is the next one.
        """
        if not self._restarts_watched:
            self.close_run()

    def give_up(self, window: Window) -> None:
        """Take note of a window that broke off: what it counted stays counted."""
        if not window.goes_on:
            self._departures.break_off(window)
            self._close(rebased=False)
        elif window is self._stream:
            self._note_stream(window)
            self._stream = None

    def _close(self, *, rebased: bool) -> None:
        self._windows_open -= 1
        # What another window has counted so far is not its to lose.
        if not self._windows_open:
            self._forget(self._remember, rebased=rebased)

    def _forget(self, remember: int, *, rebased: bool, streamed: bool = False) -> None:
        """Move what no window shows to compact storage, and evict the oldest: the floor rises.

        Args:
            rebased: the latest window is the base, so that no other line is needed.
            streamed: lines come without a window that could be the next base.
        """
        lines, windows = self._lines, self._windows.all()
        largest = max(map(len, windows), default=0)
        unshown = len(lines.counted) - largest
        if unshown > max(largest, remember) // 2 and len(lines.counted) != self._tidied:
            lines.set_aside(lines.take_away(dict.fromkeys(chain(*windows))), remember // 2)
            self._tidied = len(lines.counted)
        held = len(lines.older)
        if held <= 2 * remember:
            return
        if held > max(_MOST_TIMES * self._remember, _MOST_LINES):
            forgot = lines.forget(remember, self.newest)
        elif rebased or streamed or not self._base_tail:
            forgot = lines.forget(remember, self._settled_until())
        else:
            return
        if forgot and not rebased:
            self._base, self._base_tail = array("Q"), 0

    def _settled_until(self) -> int:
        """The time (ns) up to which no line is still to come, whatever clocks do."""
        # A line tells that older ones were counted only where both logs were read since.
        read_to = self._run_read_to
        if self._restarts_watched:
            read_to = min(read_to, self._restarted_read_to)
        return read_to - (0 if self._instances == 1 else CLOCK_NS)

    def hints_at_restart(self, window: Window) -> bool:
        """Whether a whole RUN window, not finished yet, looks as if a container had ended.

        Lines left a log that was shown whole, so did not move on; or not one line is known.
        """
        before = self._windows.of(LogType.RUN)
        if window.log_type is not LogType.RUN or not window.live or not before:
            return False
        if not window.reaches_back:
            return True
        whole = window.live_lines < window.tail_lines
        return whole and any(line not in window.seen for line in before)

    def _finish_run(self, window: Window, as_before: bool) -> WindowEnd:
        """Gaps before a RUN window; one that a container end may explain waits for that log."""
        since, self._run_read_to = self._run_read_to, max(self._run_read_to, window.newest)
        if not window.live:
            return WindowEnd()
        narrower, self._run_tail = window.tail_lines < self._run_tail, window.tail_lines
        let_go, self._lines.let_go = self._lines.let_go, False
        moved_on = self._departures.take_run_news(window)
        ended_news = 0
        if self._departures.ended_news and not as_before:
            ended_news, self.changed = self._departures.take_ended_news(), True
        if self._departures and not self._restarts_watched:
            # RUN_RESTARTED was to show them, and is read no more.
            self._departures.forget()
            self.changed = True
            return WindowEnd(1, since, window.newest, reason=GapReason.RESTART)
        if window.begins_earlier(since):
            window.opened_at = max(window.opened_at, self._lines.newest)
            return WindowEnd()
        if let_go or window.moved_on():
            return WindowEnd(1, since, window.stretch_since)
        if narrower and window.reaches_back:
            return WindowEnd()
        vanished = not as_before and self._note_departed(window, moved_on, ended_news)
        self._unseen_ends = self._unseen_ends.run_read(vanished=vanished)
        if vanished and not self._restarts_watched:
            self._departures.forget()
            return WindowEnd(1, since, window.newest, reason=GapReason.RESTART)
        return WindowEnd()

    def _note_departed(self, window: Window, moved_on: int, ended_news: int) -> bool:
        """Whether lines left RUN with their container, as far as that can be told.

        Args:
            moved_on: by how many lines the log moved on, at the most, if it is the same log.
            ended_news: how many lines RUN_RESTARTED newly showed since the window before.
        """
        before = self._windows.of(LogType.RUN)
        first = LogType.RUN not in self._windows or not (before or self._restarts_watched)
        if first and window.complete:
            before = self._lines.unsettled  # all that is known of RUN is what broken reads counted
        gone = {line for line in before if line not in window.seen}
        if self._instances == 1 and len(gone) < len(before):
            # It shows the one container that was shown before: that lives, whatever is missing.
            # The latest lines are where a read was judged while some of its text was to come.
            if not first:
                return False
            # Broken reads may have shown one before it, too, but what is later is its own.
            latest = max(self._time(line) for line in before if line in window.seen)
            gone = {line for line in gone if self._time(line) < latest}
        gone = gone.difference(self._lines.places)
        moved_off = moved_on + window.copies if window.reaches_back else 0
        if self._differs_in_order(window):
            moved_off = max(moved_off, len(window.seen.keys() - set(before)))
        ended = self._windows.of(LogType.RUN_RESTARTED)
        departed = self._departures.note(gone, ended, moved_off, ended_news)
        if departed and not self._restarts_watched:
            self._lines.settle(gone)  # they are told once
        return departed

    def _differs_in_order(self, window: Window) -> bool:
        """Whether other known lines may stand in a window than those kept of a stream before it.

        A stream brings lines of several instances as they are written. If the platform limits the
        whole text, which it serves by instance or by time, the latest of it are others.
        """
        kept = self._windows.streamed(LogType.RUN)
        limited = window.live_lines - window.new <= window.tail_lines <= window.live_lines
        return kept and limited and self._instances != 1

    def _finish_restarted(self, window: Window) -> WindowEnd:
        first = LogType.RUN_RESTARTED not in self._windows
        self._restarted_read_to = max(self._restarted_read_to, window.run_read_to)
        ends, new_ends = [], []
        shown = [ShownLine(raw, line, self._time(line), known) for raw, line, known in window.shown]
        shown_ends = container_ends(shown, self._instances)
        known_ends = sum(end in window.seen for end in self._ends)
        for end in shown_ends:
            if end.line in self._ends:
                continue
            self._ends[end.line] = None
            self.changed = True
            new_ends.append(end.line)
            if window.past and end.line in self._windows.of(LogType.RUN):
                continue  # of RUN's last container, which another deployment replaced
            if end.timestamp > self._start or not first:
                ends.append(end)
        for stale in list(self._ends)[:-_REMEMBERED_ENDS]:
            del self._ends[stale]
        since = max(map(self._time, self._departures.lines), default=0)
        if window.live and not window.past:
            self._departures.ended_news += window.counted
        unseen = self._note_unseen(window, known_ends, len(shown_ends), () if first else new_ends)
        self._restarted_tail = window.tail_lines
        self._close_account(window)
        lost = window.resolves and self._departures.settle(window)
        self.changed = self.changed or window.resolves
        if lost or unseen:
            told, self._unseen_ends = self._unseen_ends.tell(lost, bool(unseen))
            return WindowEnd(
                not told, since, self._run_read_to, tuple(ends), unseen, GapReason.RESTART
            )
        if window.moved_on():
            return WindowEnd(1, self._run_read_to, window.stretch_since, tuple(ends))
        return WindowEnd(restarts=tuple(ends))

    def _close_account(self, window: Window) -> None:
        """Expect no more of RUN's latest window where the end of its one container is shown now.

        That it leaves RUN is no news then, also when RUN_RESTARTED shows the next one instead.
        """
        before = self._windows.of(LogType.RUN)
        if self._instances == 1 and any(line in window.seen for line in before):
            self.close_run()

    def _note_unseen(
        self, window: Window, known_ends: int, containers: int, new_ends: Collection[int]
    ) -> int:
        """How many containers ended unseen, as the platform's counts of this deployment tell.

        Args:
            known_ends: how many of the containers in the window had been seen to end before.
            containers: how many it shows, at the least.
            new_ends: the last lines of those that have ended since the window before.
        """
        if window.past:
            return 0
        others = 0
        if self._shows_others(window):
            instances = _ANY_NUMBER
            if self._instances is not None:
                instances = max(self._instances, len(self._unseen_ends.tally.told))
            others = max(1, instances - known_ends)
        standing = max(containers, sum(end in window.seen for end in self._ends))
        unseen, unseen_ends = self._unseen_ends.judge(
            window.tally, window.seen, standing=standing, shown=others, ends=new_ends
        )
        self._set_unseen_ends(unseen_ends)
        return unseen

    def _shows_others(self, window: Window) -> bool:
        """Whether other containers may stand in it than in the window before."""
        before = self._windows.of(LogType.RUN_RESTARTED)
        if window.tail_lines >= self._restarted_tail:
            # A wider window may only show more of the one container that there is.
            same = self._instances == 1 and before and set(before) <= window.seen.keys()
            return not same and window.seen.keys() != set(before)
        gone = set(before).difference(window.seen)
        return len(window.seen) + len(gone) > len(before) or not gone.isdisjoint(self._ends)

    def _time(self, line: int) -> int:
        return self._lines.time(line)
