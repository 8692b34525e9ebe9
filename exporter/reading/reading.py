"""One read of one log: chunks in, whole lines to the pipeline, which counts the new ones.

What was read whole is counted at once, so a log that breaks off in the middle loses nothing and
repeats nothing: the rest is new to the next reading.
"""

from collections.abc import Sequence

from exporter.counting.pipeline import Pipeline
from exporter.logs.dedup.window_end import WindowEnd
from exporter.logs.lines import LineSplitter
from exporter.logs.log_lines import LogLines
from exporter.model import LIVE_PART, Component, LogChunk, LogLine, LogType, Source

_BATCH_BYTES = 1 << 16
"""Frames may be as small as a line; so much of them is counted at a time."""


class Reading:
    """One read of one log on its way through the pipeline: fed chunks, then ended or dropped.

    Once its component is not watched, nothing more of this read is counted, and nothing
    remembered as counted: if the component comes back, another read does.

    Args:
        tail_lines: how many lines to ask for, unless there is reason to see all.
        from_first_line: whether the deployment began under the exporter's eyes.
        open_ended: whether it follows the log.
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
        open_ended: bool = False,
    ) -> None:
        place = pipeline.place(
            source,
            component,
            deployment_id,
            tail_lines=tail_lines,
            from_first_line=from_first_line,
            open_ended=open_ended,
        )
        self._counts = place.counts
        self._pipeline = pipeline
        self._source = source
        self._component = component
        self._cursor = place.cursor
        self._continuity = place.continuity
        self._window = place.window
        self._splitter = LineSplitter(pipeline.limits.max_line_bytes)
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._part = LIVE_PART
        self._began = pipeline.findings.clock()
        self._repeated = 0
        self.lines = 0
        self.restart_hinted = False  # a whole RUN window looks as if a container had ended
        self.ends_unexplained = False  # RUN has to be read for the exit codes of containers

    @property
    def tail_lines(self) -> int:
        """How many lines to ask for."""
        return self._window.tail_lines

    @property
    def may_miss_lines(self) -> bool:
        """Whether a wider window could show lines that this one, fed to its end, does not."""
        return self._window.moved_on()

    @property
    def may_hide_ends(self) -> bool:
        """Whether a wider window of RUN_RESTARTED could show containers of other instances.

        If the platform limits the whole text, the last of them hides those before it.
        """
        several = self._component.instance_count != 1
        cut = self._window.live_lines == self._window.tail_lines
        return several and cut and self._source.log_type is LogType.RUN_RESTARTED

    @property
    def knows_a_line(self) -> bool:
        """Whether it has shown a line that is known or from before the exporter's time."""
        return self._window.reaches_back

    @property
    def newest(self) -> int:
        """The newest timestamp (ns) of the component's deployment; 0 if none was read."""
        return self._continuity.newest

    @property
    def in_doubt(self) -> bool:
        """Whether it has to show the lines of containers that left RUN, so far as there are any."""
        return self._continuity.in_doubt

    def reaches(self, tail_lines: int | None) -> None:
        """So many lines were asked for in truth; None where the text was cut somewhere else.

        Then no more of this log was asked for than it shows.
        """
        self._window.tail_lines = self._window.live_lines if tail_lines is None else tail_lines

    def feed(self, chunk: LogChunk) -> None:
        """Count the lines that this chunk completes, as soon as enough of them have come."""
        if chunk.part != self._part:
            self._begin_part(chunk.part)
        self._pending.append(chunk.data)
        self._pending_bytes += len(chunk.data)
        if chunk.last or self._pending_bytes >= _BATCH_BYTES:
            self._take_pending(ended=chunk.last)

    def _begin_part(self, part: int) -> None:
        """Count what is whole of the part before; a line that broke off there is none."""
        if self._pending:
            self._take_pending(ended=False)
        self._splitter = LineSplitter(self._pipeline.limits.max_line_bytes)
        self._part = part

    def _take_pending(self, *, ended: bool) -> None:
        lines = self._splitter.feed(b"".join(self._pending))
        self._pending, self._pending_bytes = [], 0
        if ended:
            lines += self._splitter.end()
        with self._pipeline.transaction():
            if self._still_counts():
                self._count(self._window.feed(lines, self._part))
                self._move_cursor()

    def follow_whole(self) -> None:
        """A stream has just brought the log of the only container to its end."""
        with self._pipeline.transaction():
            if self._still_counts():
                self._continuity.follow_whole()
                self._move_cursor()

    def end(self) -> None:
        """The log was read whole: count what waited for its end, gaps and container ends."""
        if self._pending:
            self._take_pending(ended=True)
        with self._pipeline.transaction():
            if not self._still_counts():
                self._continuity.give_up(self._window)
                return
            self._count(self._window.rest())
            self.restart_hinted = self._continuity.hints_at_restart(self._window)
            end = self._continuity.finish(self._window)
            self.restart_hinted = self.restart_hinted or self._continuity.in_doubt
            self._count_whole(end)
            self.restart_hinted = self.restart_hinted or self._pipeline.exits.waiting(
                self._source.key
            )
            self.ends_unexplained = self._pipeline.exits.unexplained(self._source.key)
            self._move_cursor()

    def _count_whole(self, end: WindowEnd) -> None:
        """Count what the log shows as a whole, and what waited for it to be read."""
        pipeline, restarted = self._pipeline, self._source.log_type is LogType.RUN_RESTARTED
        pipeline.count_window(self._source, self._continuity.newest, end)
        pipeline.exits.show(self._cursor, end.restarts, pipeline.findings.clock())
        read_at = {"restarted_at" if restarted else "run_at": self._began}
        pipeline.exits.settle(self._cursor, self._component, **read_at)
        pipeline.settle_events(self._source.key, self._began)

    def drop(self) -> None:
        """The log broke off: what is whole counts, the rest is for the next reading."""
        if self._pending:
            self._take_pending(ended=False)
        with self._pipeline.transaction():
            self._continuity.give_up(self._window)
            if self._still_counts():
                self._pipeline.count_window(self._source, self._continuity.newest, WindowEnd())
                self._move_cursor()

    def _still_counts(self) -> bool:
        self._counts = self._counts and self._pipeline.series.is_open(self._source.key)
        return self._counts

    def _count(self, fresh: Sequence[LogLine]) -> None:
        repeated = self._window.repeated - self._repeated
        self._repeated = self._window.repeated
        self.lines += len(fresh)
        self._pipeline.count_lines(self._source, fresh, repeated)
        raws = fresh.raws if isinstance(fresh, LogLines) else [line.raw for line in fresh]
        self._pipeline.exits.take(self._cursor, self._component, raws)

    def _move_cursor(self) -> None:
        """Let the cursor go with the counts that changed under the same lock."""
        if self._continuity.changed:
            self._pipeline.ledger.cursors.touch(self._cursor)
            self._continuity.changed = False
