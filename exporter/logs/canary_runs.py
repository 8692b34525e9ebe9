"""Which numbered lines of the canary arrived: repeated ones, and those that never came.

Pure: the caller says when lines arrived and when the exporter announced a gap. A line counts as
missing once it has had time to come by another way, such as RUN_RESTARTED.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

from exporter.logs.canary_line import CanaryLine

CLOCK_SECONDS = 2.0
"""How far the clocks of canary and exporter may differ before a loss is judged wrongly."""

PAUSE_CREDIT = 0.5
"""The share of the wait for a line that one pause between two reads can take off."""

UNDATED_SECONDS = 900.0
"""How far a gap may reach back whose beginning is not known: it may be announced late."""

TAIL_LINES = 120
"""A run whose end is planned is not expected to reach it from further away than this.

The platform may end a container at any time without a word, and that is no loss of lines.
"""

KEPT_SECONDS = 3600.0
"""How long runs, losses and announced gaps are remembered after they last changed."""

MOST_RUNS = 100
MOST_PIECES = 1000

Piece = list[float]
"""Numbers of the first and last line of lines in sequence, with the times of both."""

_FIRST = itemgetter(0)


@dataclass(slots=True)
class Loss:
    """Lines that never came: how many, written between two times, and whether that was said."""

    lines: int
    since: float
    until: float
    announced: bool


@dataclass(slots=True)
class Run:
    """What has arrived of one run.

    Args:
        pieces: arrived lines, in order; between two of them lines are not there yet.
        waiting_since: for each hole, by the number before it, when it was first seen.
        lost: holes that were given up, by their first and last numbers.
        changed_at: when a line last arrived.
    """

    began: int
    last: int = 0
    pieces: list[Piece] = field(default_factory=list)
    waiting_since: dict[int, float] = field(default_factory=dict)
    lost: list[tuple[int, int]] = field(default_factory=list)
    changed_at: float = 0.0
    ended: bool = False

    def add(self, line: CanaryLine, now: float) -> bool:
        """Note a line that arrived; return True if it had arrived before."""
        self.last = line.last
        at = bisect_right(self.pieces, line.number, key=_FIRST)
        before = self.pieces[at - 1] if at else None
        if before is not None and line.number <= before[1]:
            return not any(first <= line.number <= last for first, last in self.lost)
        self.changed_at = now
        after = self.pieces[at] if at < len(self.pieces) else None
        joins_before = before is not None and before[1] == line.number - 1
        joins_after = after is not None and after[0] == line.number + 1
        if before is not None and joins_before:
            before[1], before[3] = line.number, line.written_at
            if after is not None and joins_after:
                before[1], before[3] = after[1], after[3]
                del self.pieces[at]
        elif after is not None and joins_after:
            after[0], after[2] = line.number, line.written_at
        else:
            number = float(line.number)
            self.pieces.insert(at, [number, number, line.written_at, line.written_at])
        return False

    def settle(self, now: float, start: float, hole_wait: float, tail_wait: float) -> list[Loss]:
        """Give up lines that have had their time to arrive.

        Args:
            now: Unix seconds.
            start: when counting began; lines of a run that began earlier may precede that.
            hole_wait: seconds that lines are waited for once later ones have arrived.
            tail_wait: seconds that the last lines of a run are waited for.
        """
        losses = []
        if self.began >= start + CLOCK_SECONDS and self.pieces and self.pieces[0][0] > 1:
            self.pieces.insert(0, [0.0, 0.0, float(self.began), float(self.began)])
        holes = {int(piece[1]) for piece in self.pieces[:-1]}
        self.waiting_since = {end: self.waiting_since.get(end, now) for end in holes}
        for index in range(len(self.pieces) - 1, 0, -1):
            before, after = self.pieces[index - 1 : index + 1]
            if now - self.waiting_since[int(before[1])] >= hole_wait:
                losses.append(
                    self._give_up(int(before[1]) + 1, int(after[0]) - 1, before[3], after[2])
                )
                before[1], before[3] = after[1], after[3]
                del self.pieces[index]
        if (loss := self._tail(now, tail_wait)) is not None:
            losses.append(loss)
        return losses

    def delay(self, seconds: float) -> None:
        """Wait so much longer for what has not arrived."""
        self.changed_at += seconds
        self.waiting_since = {end: at + seconds for end, at in self.waiting_since.items()}

    def _tail(self, now: float, wait: float) -> Loss | None:
        """Give up the last lines of a run that must have ended."""
        if not self.pieces or self.ended or not self.last:
            return None
        newest = self.pieces[-1]
        left = self.last - int(newest[1])
        pace = max(0.0, newest[3] - self.began) / newest[1]
        if now - self.changed_at < wait + 2 * left * pace:
            return None
        self.ended = True
        if not 0 < left <= TAIL_LINES:
            return None
        loss = self._give_up(int(newest[1]) + 1, self.last, newest[3], self.changed_at)
        newest[1] = float(self.last)
        return loss

    def _give_up(self, first: int, last: int, since: float, until: float) -> Loss:
        self.lost.append((first, last))
        return Loss(last - first + 1, since, until, announced=False)


@dataclass(slots=True)
class Judged:
    """What is certain by now: lines missing, and how many of them lie in announced gaps."""

    missing: int = 0
    announced: int = 0


class CanaryRuns:
    """The runs of one component.

    Args:
        start: Unix seconds; lines before it are from before the exporter's time.
        hole_wait, tail_wait: see ``Run.settle``.
    """

    def __init__(self, start: float, hole_wait: float, tail_wait: float) -> None:
        self._start = start
        self._hole_wait = hole_wait
        self._tail_wait = tail_wait
        self._runs: dict[str, Run] = {}
        self._losses: list[Loss] = []
        self._gaps: list[tuple[float, float]] = []
        self._settled_at = start

    def __bool__(self) -> bool:
        return bool(self._runs)

    def add(self, line: CanaryLine, now: float) -> bool:
        """Note a line that arrived at ``now``; return True if it had arrived before."""
        run = self._runs.setdefault(line.run, Run(line.began))
        return run.add(line, now)

    def gap(self, since: float, until: float) -> int:
        """Note a gap that the exporter announced; return how many missing lines it explains.

        Args:
            since, until: Unix seconds; 0 for ``since`` where it is not known.
        """
        span = (since or until - UNDATED_SECONDS) - CLOCK_SECONDS, until + CLOCK_SECONDS
        self._gaps.append(span)
        explained = [loss for loss in self._losses if not loss.announced and _overlap(loss, span)]
        for loss in explained:
            loss.announced = True
        return sum(loss.lines for loss in explained)

    def settle(self, now: float) -> Judged:
        """Judge the lines that have had their time to arrive, and forget old runs."""
        judged = Judged()
        pause = now - self._settled_at
        self._settled_at = now
        # While nothing is read nothing can arrive. Reads that are far apart count for something,
        # or lines would be waited for without end where all reads are.
        pause -= self._hole_wait * PAUSE_CREDIT
        if pause > 0:
            for run in self._runs.values():
                run.delay(pause)
        for run in self._runs.values():
            for loss in run.settle(now, self._start, self._hole_wait, self._tail_wait):
                loss.announced = any(_overlap(loss, gap) for gap in self._gaps)
                self._losses.append(loss)
                judged.missing += loss.lines
                judged.announced += loss.lines if loss.announced else 0
        self._forget(now)
        return judged

    def _forget(self, now: float) -> None:
        oldest = now - KEPT_SECONDS
        by_age = sorted(self._runs.items(), key=lambda item: item[1].changed_at)
        surplus = {name for name, _ in by_age[:-MOST_RUNS]}
        self._runs = {
            name: run
            for name, run in self._runs.items()
            if run.changed_at > oldest and name not in surplus
        }
        self._losses = [loss for loss in self._losses if loss.until > oldest][-MOST_PIECES:]
        self._gaps = [gap for gap in self._gaps if gap[1] > oldest][-MOST_PIECES:]

    def to_json(self) -> dict[str, Any]:
        """What ``restore`` takes."""
        return {
            "settled_at": self._settled_at,
            "gaps": self._gaps,
            "losses": [
                [each.lines, each.since, each.until, each.announced] for each in self._losses
            ],
            "runs": {
                name: {
                    "began": run.began,
                    "last": run.last,
                    "pieces": run.pieces,
                    "waiting_since": list(run.waiting_since.items()),
                    "lost": run.lost[-MOST_PIECES:],
                    "changed_at": run.changed_at,
                    "ended": run.ended,
                }
                for name, run in self._runs.items()
            },
        }

    def restore(self, document: dict[str, Any]) -> None:
        """Continue from what ``to_json`` returned; raises ValueError where it is anything else."""
        try:
            self._settled_at = float(document["settled_at"])
            self._gaps = [(float(since), float(until)) for since, until in document["gaps"]]
            self._losses = [Loss(*each) for each in document["losses"]]
            self._runs = {name: _run(each) for name, each in document["runs"].items()}
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"the canary's runs cannot be read: {error}") from None


def _run(values: dict[str, Any]) -> Run:
    return Run(
        began=values["began"],
        last=values["last"],
        pieces=[list(map(float, piece)) for piece in values["pieces"]],
        waiting_since={int(end): float(at) for end, at in values["waiting_since"]},
        lost=[(int(first), int(last)) for first, last in values["lost"]],
        changed_at=values["changed_at"],
        ended=values["ended"],
    )


def _overlap(loss: Loss, span: Sequence[float]) -> bool:
    return loss.since <= span[1] and span[0] <= loss.until
