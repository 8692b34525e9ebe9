"""The path of a log line: chunk → lines → new lines → matches → counts, under one lock.

What each ``reading`` of a log finds to be new is counted here.
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime

from exporter.counting.canary import Canary
from exporter.counting.component import WatchedComponent
from exporter.counting.container_exits import ContainerExits
from exporter.counting.findings import Findings
from exporter.counting.received import Received
from exporter.counting.rule_metrics import Found
from exporter.counting.series import Series, enabled_rules, line_log_type
from exporter.logs.dedup.continuity import Continuity
from exporter.logs.dedup.window import Window
from exporter.logs.dedup.window_end import WindowEnd
from exporter.logs.lines import NANOSECONDS, message_of
from exporter.logs.log_lines import LogLines
from exporter.matching.engine import Engine, Match
from exporter.model import (
    ERRORS,
    Component,
    ComponentKey,
    GapReason,
    LogLine,
    LogType,
    Source,
)
from exporter.state.store import CursorKey
from exporter.telemetry.table import Gauge

LOG = logging.getLogger(__name__)

_GAPS = {
    GapReason.WINDOW: "log lines are missing: the log moved on further than could be read back; "
    "a shorter logs.interval or more logs.tail_lines would reach them",
    GapReason.RESTART: "log lines are missing: containers ended before their last lines were read; "
    "a shorter logs.interval, or logs.mode follow, would show them",
    GapReason.DEPLOYMENT: "log lines may be missing: the last ones before another deployment took "
    "over cannot be read any more; logs.mode follow would show them",
    GapReason.ARCHIVE: "log lines are missing: not all of a log that has ended could be read",
}


@dataclass(frozen=True, slots=True)
class ReadingLimits:
    """How logs are read.

    Args:
        tail_lines: how many lines a read of a live log asks for at the most.
        max_line_bytes: how much of a line is kept.
        start: returns Unix nanoseconds; lines up to there are from before the exporter's time.
        restarts_watched: whether RUN_RESTARTED is read.
        run_watched: whether RUN is read.
    """

    tail_lines: int
    max_line_bytes: int
    start: Callable[[], int]
    restarts_watched: bool
    run_watched: bool

    def start_seconds(self) -> float:
        """The same in Unix seconds of the platform, known better once it has answered."""
        return self.start() / NANOSECONDS


@dataclass(frozen=True, slots=True)
class Place:
    """Where a read stands in what is remembered; ``counts``: whether its component is watched."""

    cursor: CursorKey
    continuity: Continuity
    window: Window
    counts: bool


class Pipeline:
    """Counts what readings find to be new, and keeps where each log was read to.

    Args:
        series: of the components that are watched, with the rules in force.
        engine: has these rules, and ``HEADS`` behind them.
        exits: counts the ends of containers.
        received: of components whose lines are pushed, what is known of those; None where no
            lines are received.
    """

    def __init__(
        self,
        series: Series,
        engine: Engine,
        limits: ReadingLimits,
        findings: Findings,
        exits: ContainerExits,
        canary: Canary,
        received: Received | None = None,
    ) -> None:
        self.series = series
        self.ledger = series.ledger
        self.metrics = series.metrics
        self.engine = engine
        self.rules = series.rules
        self._meanings = [rule.meaning for rule in self.rules]
        self.limits = limits
        self.findings = findings
        self.clock = findings.clock
        self.exits = exits
        self.canary = canary
        self._received = received

    def transaction(self) -> AbstractContextManager[object]:
        """See ``Ledger.transaction``."""
        return self.ledger.transaction()

    def place(
        self,
        source: Source,
        component: Component,
        deployment_id: str,
        *,
        tail_lines: int,
        from_first_line: bool,
        open_ended: bool = False,
    ) -> Place:
        """Where a read that begins now stands; ``open_ended``: it follows the log."""

        def begin(released_at: int) -> Continuity:
            return Continuity(
                self.limits.start(),
                remember=self.limits.tail_lines,
                instances=component.instance_count,
                restarts_watched=self.limits.restarts_watched,
                from_first_line=from_first_line,
                released_at=released_at,
            )

        cursor = CursorKey(source.key, deployment_id)
        with self.transaction():
            watched = self.series.watched(source.key)
            continuity = self.ledger.cursors.continuity(cursor, begin) if watched else begin(0)
            continuity.configure(
                remember=self.limits.tail_lines,
                instances=component.instance_count,
                restarts_watched=self.limits.restarts_watched,
            )
            run = source.log_type is LogType.RUN
            if continuity.in_doubt or (run and continuity.needs_base):
                tail_lines = max(tail_lines, self.limits.tail_lines)
            if watched and (restarts := watched.restarts_of(deployment_id)):
                continuity.count_restarts(restarts.counts, restarts.read_at)
            window = continuity.window(source.log_type, tail_lines, open_ended=open_ended)
        return Place(cursor, continuity, window, watched is not None)

    @property
    def resumed(self) -> bool:
        """Whether counting continues from an earlier run of the exporter."""
        return self.ledger.saved_at is not None

    def deployments(self, key: ComponentKey) -> list[str]:
        """The deployments of a component that were begun and not read to their end."""
        with self.transaction():
            return self.ledger.cursors.deployments(key)

    def backlogs(self) -> dict[ComponentKey, float]:
        """Estimate how many lines each component wrote since the newest one that was counted.

        The rate is that of all lines that were counted since the exporter's first start.
        """
        now = self.clock()
        watched = max(now - self.ledger.first_start, 1.0)
        with self.transaction():
            return {
                key: self.ledger.value(self.metrics.log_lines, (*key.parts, LogType.RUN))
                / watched
                * max(now - newest / NANOSECONDS, 0.0)
                for key, newest in self.ledger.cursors.newest().items()
            }

    def release(self, key: ComponentKey, deployment_id: str, cut_off: bool = False) -> None:
        """Release a past deployment whose logs were read to their end.

        Args:
            cut_off: whether that end came before the last lines could be read, which is a gap.
        """
        with self.transaction():
            if not self.series.is_open(key):
                return
            self.ledger.cursors.release(CursorKey(key, deployment_id))
            self.exits.release(CursorKey(key, deployment_id))
            if cut_off:
                self._count_gap(key, LogType.RUN, WindowEnd(reason=GapReason.DEPLOYMENT))

    def count_gap(self, source: Source, reason: GapReason) -> None:
        """Lines of a source are missing for good."""
        with self.transaction():
            self._count_gap(source.key, source.log_type, WindowEnd(reason=reason))

    def count_lines(self, source: Source, lines: Sequence[LogLine], repeated: int) -> None:
        """Count lines that no reading has counted, and what rules say of them."""
        if lines and self._is_received(source.key):
            fresh = self._not_pushed(source, LogLines.of(lines))
            lines, repeated = fresh, repeated + len(lines) - len(fresh)
        self.count_fresh(source, lines, repeated)

    def _is_received(self, key: ComponentKey) -> bool:
        return self._received is not None and self._received.receives(key)

    def _not_pushed(self, source: Source, lines: LogLines) -> LogLines:
        """Return those of some polled lines that were not pushed.

        Nothing of RUN_RESTARTED counts: what it shows was pushed before. Messages are held against
        each other as they were written, before any unwrapping.
        """
        if self._received is None or source.log_type is LogType.RUN_RESTARTED:
            return lines[:0]
        change_over = self._received.of(source.key).change_over
        judged = change_over.judge_polled(list(map(message_of, lines.raws)))
        if judged.gap:
            self.count_window(source, 0, WindowEnd(gaps=1))
        return LogLines.of([lines[index] for index in judged.fresh])

    def count_fresh(self, source: Source, lines: Sequence[LogLine], repeated: int) -> None:
        """Count lines that nobody has counted, and what rules say of them."""
        component = self.series.watched(source.key)
        if component is None:
            return
        metrics, labels = self.metrics, (*source.key.parts, line_log_type(source.log_type))
        if repeated:
            self.ledger.add(metrics.log_repeated_lines, labels, repeated)
        if not lines:
            return
        before = self.ledger.value(metrics.log_lines, labels)
        lines = LogLines.of(lines, self.engine.unwrap)
        self.ledger.add(metrics.log_lines, labels, len(lines))
        self.ledger.add(metrics.log_bytes, labels, lines.size)
        context = self.findings.lines_before(component, lines)
        enabled = self._rules_of(component)
        examined = self.engine.examine(lines.raws, enabled, message_of, context)
        lines.know(examined.unwrapped)
        found, over = self.findings.take(component, lines, examined.matches)
        for position, count in Counter(match.rule for match in found).items():
            rule = self.rules[position]
            series = (*labels, rule.name, rule.level)
            self.ledger.add(metrics.log_matches, series, count, self._meanings[position])
        component.activity.add(self.clock(), len(lines), self._count_errors(found))
        if canary := [match for match in found if match.rule in self.canary.rules]:
            self.canary.add(component, (lines[match.message].message for match in canary))
        with_lines = (
            Found(match.rule, lines[match.message])
            for match in found
            if not self.rules[match.rule].per_event
        )
        self.series.rule_metrics.count(source.key, (*with_lines, *over))
        counted = self.ledger.value(metrics.log_lines, labels)
        self.ledger.invariants.counted(labels, before, counted, len(lines))

    def _rules_of(self, component: WatchedComponent) -> frozenset[int]:
        """Return what the engine has to look for in the lines of a component."""
        if component.rules is None:
            component.rules = enabled_rules(self.rules, component.key) | self.findings.heads
        return component.rules

    def settle_events(self, key: ComponentKey, until: float) -> None:
        """Count what waited for the end of events; their log was read up to a time (Unix s)."""
        if component := self.series.watched(key):
            self.series.rule_metrics.count(key, self.findings.settle(component, until))
            self.canary.settle(component)

    def _count_errors(self, found: Sequence[Match]) -> int:
        """How many lines a rule of level error or worse has matched."""
        return len({match.message for match in found if self.rules[match.rule].level in ERRORS})

    def note_newest(self, source: Source, newest: int) -> None:
        """Show the time (ns) of the newest line; 0 for none."""
        if newest and self.series.is_open(source.key):
            timestamp = self.metrics.log_last_line_timestamp
            log_type = line_log_type(source.log_type)
            self.series.advance(timestamp, source.key, newest / NANOSECONDS, log_type)

    def note_read(self, source: Source, at: float | None) -> None:
        """Show whether the latest read of a log worked: when it began (Unix seconds), or None."""
        with self.transaction():
            if not self.series.is_open(source.key):
                return
            labels = (*source.key.parts, source.log_type)
            self.metrics.source_up.labels(*labels).set(at is not None)
            if at is not None:
                self.metrics.source_last_success.labels(*labels).set(at)

    def show(self, gauge: Gauge, key: ComponentKey, value: float, *labels: str) -> None:
        """Set a gauge of a component, if that is watched.

        Args:
            labels: those of the gauge behind ``app`` and ``component``.
        """
        with self.transaction():
            if self.series.is_open(key):
                gauge.labels(*key.parts, *labels).set(value)

    def count_reconnect(self, key: ComponentKey) -> None:
        """A stream of a component was opened again."""
        with self.transaction():
            if self.series.is_open(key):
                self.ledger.add(self.metrics.stream_reconnects, key.parts, 1)

    def last_restart(self, key: ComponentKey) -> float:
        """Return when the newest container end that is known of happened, in Unix seconds."""
        with self.transaction():
            return self.ledger.value(self.metrics.last_restart_timestamp, key.parts)

    def exits_wait(self, key: ComponentKey) -> bool:
        """Whether ends of containers were reported that RUN_RESTARTED has not shown."""
        with self.transaction():
            return self.exits.waiting(key)

    def count_window(self, source: Source, newest: int, end: WindowEnd) -> None:
        """Count what a window showed as a whole: its newest line, a gap."""
        if not self.series.is_open(source.key):
            return
        self.note_newest(source, newest)
        if end.gaps and not self._was_pushed(source):
            self._count_gap(source.key, source.log_type, end)
        if end.unseen:
            fields = {"source": source.key, "containers": end.unseen}
            LOG.warning(
                "containers ended unseen: each was followed by another before it was read; "
                "a shorter logs.interval would show them",
                extra={"fields": fields},
            )

    def _was_pushed(self, source: Source) -> bool:
        """Whether the lines of a log were pushed, so that none is missing where it shows none."""
        return source.log_type is LogType.RUN_RESTARTED and self._is_received(source.key)

    def _count_gap(self, key: ComponentKey, log_type: LogType, end: WindowEnd) -> None:
        """Lines are missing, between two times where they are known."""
        component = self.series.watched(key)
        if component is None:
            return
        labels = (*key.parts, line_log_type(log_type), end.reason)
        self.ledger.add(self.metrics.log_gaps, labels, 1)
        since, until = end.missing_since, end.missing_until
        fields: dict[str, object] = {"source": f"{key} {log_type}", "reason": end.reason}
        if since and until > since:
            fields["since"] = _utc(since / NANOSECONDS)
            fields["seconds"] = f"{(until - since) / NANOSECONDS:.3f}"
        self.canary.gap(component, since / NANOSECONDS, until / NANOSECONDS)
        level = logging.INFO if end.reason is GapReason.DEPLOYMENT else logging.WARNING
        LOG.log(level, _GAPS[end.reason], extra={"fields": fields})


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
