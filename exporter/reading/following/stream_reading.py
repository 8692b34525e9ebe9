"""One live stream on its way through the pipeline: what there was when it began, then what comes.

The text that a stream begins with is a window like that of a poll, and judged like one: it may
not reach back to what was counted. What comes behind that is new, in its order.
"""

from collections.abc import Sequence

from exporter.counting.pipeline import Pipeline
from exporter.logs.dedup.window_end import WindowEnd
from exporter.model import Component, Source
from exporter.reading.reading import Reading

_BUSY_TEXTS, _BUSY_WINDOWS = 8, 4
"""Old lines are evicted once as many new ones have come as are remembered; of a log that brings
many at a time, where that would take longer than to count them, once so many texts have come, or
so many times those lines.
"""


class StreamReading(Reading):
    """Fed texts as they arrive; the caller says when the text that it began with is over.

    Args:
        tail_lines: how many lines to ask for, unless there is reason to see all.
        from_first_line: whether the deployment began under the exporter's eyes.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        source: Source,
        component: Component,
        deployment_id: str,
        *,
        tail_lines: int,
        from_first_line: bool,
    ) -> None:
        super().__init__(
            pipeline,
            source,
            component,
            deployment_id,
            tail_lines=tail_lines,
            from_first_line=from_first_line,
            open_ended=True,
        )
        instances = component.instance_count
        # Each instance may serve as many lines as were asked for, and the platform no more.
        self._most_at_first = None if instances is None else max(1, instances) * self.tail_lines
        self._held: list[bytes] = []
        self._noted_at = 0

    @property
    def caught_up(self) -> bool:
        """Whether the text that the stream began with is over."""
        return self._window.goes_on

    @property
    def full(self) -> bool:
        """Whether as many lines have come as there can have been: the rest waits to be caught up.

        Nothing may be fed until then.
        """
        return not self.caught_up and self._room() == 0

    @property
    def began(self) -> bool:
        """Whether any line has come."""
        return self._window.live_lines > 0

    @property
    def first_time(self) -> int:
        """The timestamp (ns) of the first line that has one; 0 before it came."""
        return self._window.first

    @property
    def exits_wait(self) -> bool:
        """Whether the log has reported ends of containers that RUN_RESTARTED has not shown."""
        return self._pipeline.exits_wait(self._source.key)

    @property
    def waiting(self) -> bool:
        """Whether lines wait for the one behind them, which a pause decides."""
        return self._window.waiting

    def note_opened(self, at: int) -> None:
        """The stream was opened at a time (Unix nanoseconds) of the platform's."""
        self._window.opened_at = at

    def note_nothing_before(self) -> None:
        """All that it began with was written after it was opened."""
        self._window.begins_log = True

    def take(self, text: bytes) -> None:
        """Count the lines that ``text`` completes."""
        lines = self._splitter.feed(text)
        room = self._room()
        if room is not None and len(lines) > room:
            self._held += lines[room:]
            lines = lines[:room]
        if lines:
            self._take_lines(lines)

    def catch_up(self, *, judge: bool) -> None:
        """What there was at the beginning has come: from here on all is new.

        Args:
            judge: whether to say what is missing before it; not where a whole read has just said.
        """
        with self._pipeline.transaction():
            if not self._still_counts():
                return
            self._count(self._window.rest())
            end = WindowEnd()
            if judge:
                end = self._continuity.finish(self._window)
            else:
                self._continuity.give_up(self._window)
            self._count_whole(end)
            self._continuity.go_on(self._window)
            self._move_cursor()
        held, self._held = self._held, []
        if held:
            self._take_lines(held)

    def keep(self, lines: int) -> None:
        """Keep so many lines in mind from now on, for the next stream to be known by."""
        self._window.keep = lines

    def settle(self, at: float) -> None:
        """All that was written until a time (Unix seconds) has come, as far as can be told."""
        with self._pipeline.transaction():
            if self._still_counts():
                run_at = at if self.caught_up else None
                self._pipeline.exits.settle(self._cursor, self._component, run_at=run_at)
                self._pipeline.settle_events(self._source.key, at)

    def pause(self) -> None:
        """Nothing has come for a while: what waits for the line behind it counts without."""
        with self._pipeline.transaction():
            if self._still_counts():
                self._count(self._window.rest())
                self._move_cursor()

    def nothing_runs(self) -> None:
        """No container runs, and a stream brought all that the last ones wrote."""
        with self._pipeline.transaction():
            if self._still_counts():
                self._continuity.close_run()
                self._move_cursor()

    def close(self) -> None:
        """The stream is over; a line that it broke off in is for the next read."""
        self.drop()

    def _room(self) -> int | None:
        """How many more lines can belong to the text that it began with; None for any number."""
        if self.caught_up or self._most_at_first is None:
            return None
        return max(0, self._most_at_first - self._window.live_lines)

    def _take_lines(self, lines: Sequence[bytes]) -> None:
        with self._pipeline.transaction():
            if not self._still_counts():
                return
            self._count(self._window.feed(lines))
            self._pipeline.note_newest(self._source, self._continuity.newest)
            if self.caught_up and self._is_long(len(lines)):
                self._noted_at = self._window.live_lines
                self._continuity.go_on(self._window)
            self._move_cursor()

    def _is_long(self, lines: int) -> bool:
        """Whether it is time to evict old lines, where so many come at a time."""
        keep = self._window.keep
        least = max(keep, min(_BUSY_WINDOWS * keep, _BUSY_TEXTS * lines))
        return self._window.live_lines - self._noted_at >= least
