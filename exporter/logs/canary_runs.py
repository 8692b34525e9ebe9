"""Which numbered lines of the canary arrived: repeated ones, and those that never came.

Pure: the caller says when lines arrived and when the exporter announced a gap. A line counts as
missing once it has had time to come by another way, such as RUN_RESTARTED.
"""

from bisect import bisect_right
from dataclasses import astuple, dataclass, field
from operator import attrgetter
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

_FIRST = attrgetter("first")


@dataclass(slots=True)
class Piece:
    """Lines in sequence that arrived: the numbers of the first and the last, when each was written.

    Of a run that is seen from its beginning, the first piece begins with 0, before its first line.
    """

    first: int
    last: int
    since: float
    until: float


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
        last: the number of its last line, 0 if its end is not planned.
        changed_at: when a line last arrived.
        pieces: arrived lines, in order; between two of them lines are not there yet.
        waiting_since: for each hole, by the number before it, when it was first seen.
        lost: holes that were given up, by their first and last numbers.
    """

    began: int
    last: int
    changed_at: float
    pieces: list[Piece]
    waiting_since: dict[int, float] = field(default_factory=dict)
    lost: list[tuple[int, int]] = field(default_factory=list)

    def add(self, line: CanaryLine, now: float) -> bool:
        """Note a line that arrived; return True if it had arrived before."""
        at = bisect_right(self.pieces, line.number, key=_FIRST)
        if at and line.number <= self.pieces[at - 1].last:
            return not any(first <= line.number <= last for first, last in self.lost)
        self.changed_at = now
        piece = Piece(line.number, line.number, line.written_at, line.written_at)
        self.pieces.insert(at, piece)
        return False

    def settle(self, now: float, hole_wait: float, tail_wait: float) -> list[Loss]:
        """Give up lines that have had their time to arrive.

        Args:
            now: Unix seconds.
            hole_wait: seconds that lines are waited for once later ones have arrived.
            tail_wait: seconds that the last lines of a run are waited for.
        """
        losses = []
        waiting_since = {}
        others = iter(self.pieces)
        kept = [next(others)]
        for piece in others:
            before = kept[-1]
            first, last = before.last + 1, piece.first - 1
            if first <= last:
                since = self.waiting_since.get(before.last, now)
                if now - since < hole_wait:
                    waiting_since[before.last] = since
                    kept.append(piece)
                    continue
                losses.append(self._give_up(first, last, before.until, piece.since))
            before.last, before.until = piece.last, piece.until
        self.pieces, self.waiting_since = kept, waiting_since
        if (loss := self._tail(now, tail_wait)) is not None:
            losses.append(loss)
        return losses

    def delay(self, seconds: float) -> None:
        """Wait so much longer for what has not arrived."""
        self.changed_at += seconds
        self.waiting_since = {end: at + seconds for end, at in self.waiting_since.items()}

    def _tail(self, now: float, wait: float) -> Loss | None:
        """Give up the last lines of a run that must have ended."""
        newest = self.pieces[-1]
        left = self.last - newest.last
        if not 0 < left <= TAIL_LINES:
            return None
        pace = max(0.0, newest.until - self.began) / newest.last
        if now - self.changed_at < wait + 2 * left * pace:
            return None
        loss = self._give_up(newest.last + 1, self.last, newest.until, self.changed_at)
        newest.last = self.last
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
        run = self._runs.get(line.run)
        if run is None:
            began = float(line.began)
            whole = began >= self._start + CLOCK_SECONDS
            pieces = [Piece(0, 0, began, began)] if whole else []
            run = self._runs[line.run] = Run(line.began, line.last, now, pieces)
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
        # While nothing is read nothing can arrive. Reads that are far apart count for something,
        # or lines would be waited for without end where all reads are.
        pause = now - self._settled_at - self._hole_wait * PAUSE_CREDIT
        self._settled_at = now
        for run in self._runs.values():
            run.delay(max(0.0, pause))
            for loss in run.settle(now, self._hole_wait, self._tail_wait):
                self._losses.append(loss)
                judged.missing += loss.lines
                if any(_overlap(loss, gap) for gap in self._gaps):
                    loss.announced = True
                    judged.announced += loss.lines
        self._forget(now)
        return judged

    def _forget(self, now: float) -> None:
        oldest = now - KEPT_SECONDS
        by_age = sorted(self._runs.items(), key=lambda item: item[1].changed_at)[-MOST_RUNS:]
        self._runs = {name: run for name, run in by_age if run.changed_at > oldest}
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
                    "pieces": [astuple(piece) for piece in run.pieces],
                    "waiting_since": list(run.waiting_since.items()),
                    "lost": run.lost[-MOST_PIECES:],
                    "changed_at": run.changed_at,
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
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise ValueError(f"the canary's runs cannot be read: {error}") from None


def _run(values: dict[str, Any]) -> Run:
    if not values["pieces"]:
        raise ValueError("a run has no lines")
    return Run(
        began=values["began"],
        last=values["last"],
        pieces=[
            Piece(int(first), int(last), float(since), float(until))
            for first, last, since, until in values["pieces"]
        ],
        waiting_since={int(end): float(at) for end, at in values["waiting_since"]},
        lost=[(int(first), int(last)) for first, last in values["lost"]],
        changed_at=values["changed_at"],
    )


def _overlap(loss: Loss, span: tuple[float, float]) -> bool:
    return loss.since <= span[1] and span[0] <= loss.until
