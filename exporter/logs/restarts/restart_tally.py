"""Containers that ended unseen: the platform's restart counts, held against RUN_RESTARTED.

RUN_RESTARTED shows the container of each instance that ended last, so one that ended between two
reads and was followed by another is nowhere to be seen. The platform counts it all the same, later
than the log shows it, and by instance, which the log does not name. Over time its counts rise by
as many ends as happened; what rises above the most that the reads can have shown went unseen.
"""

from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

LATE_SECONDS = 600.0
"""How late the platform may count an end: after so long without a change both are in step."""

_MOST_READS = 256
"""The number of reads whose results are kept; beyond that the tally begins again."""


@dataclass(frozen=True, slots=True)
class RestartTally:
    """What the platform has counted since a moment when it was in step with what was seen.

    Args:
        told: the platform's latest count of each instance, by its alias.
        ended: by how much each count has risen since that moment.
        shown: how many containers that ended each read has newly shown since, at the most.
        ends: the last line of each container that reads have newly shown since.
        announced: how many of the ends are known to have gone unseen.
        judged: how many of them were known when RUN_RESTARTED was last read whole.
        still_since: Unix seconds of the first counts after the latest change; None before those.
        held: whether the counts may still be those of the deployment before.
        counted_since: Unix seconds of the first counts; None before those.
        moment: how many such moments there were.
    """

    told: Mapping[str, int] = field(default_factory=dict)
    ended: Mapping[str, int] = field(default_factory=dict)
    shown: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()
    announced: int = 0
    judged: int = 0
    still_since: float | None = None
    held: bool = False
    counted_since: float | None = None
    moment: int = 0

    @property
    def restarted(self) -> int:
        """How many instances have restarted at least once."""
        return sum(count > 0 for count in self.told.values())

    def count(self, counts: Mapping[str, int], at: float) -> "RestartTally":
        """Take in the platform's counts, read at a time (Unix seconds).

        An instance that was not known begins with its count, one that is replaced begins again.
        """
        since = at if self.counted_since is None else self.counted_since
        tally = replace(self, counted_since=since)
        if self.held:
            tally = tally._hold(counts, at - since)
        return tally._rise(counts, at)

    def _hold(self, counts: Mapping[str, int], seconds: float) -> "RestartTally":
        """Counts that fall are the new deployment's, and what rose before was the former one's."""
        fallen = {alias for alias, count in counts.items() if count < self.told.get(alias, count)}
        ended = {alias: rise for alias, rise in self.ended.items() if alias not in fallen}
        return replace(self, ended=ended, held=not fallen and seconds < LATE_SECONDS)

    def _rise(self, counts: Mapping[str, int], at: float) -> "RestartTally":
        rises = {
            alias: count - self.told[alias]
            for alias, count in counts.items()
            if count > self.told.get(alias, count)
        }
        told = {**self.told, **counts}
        if rises:
            ended = {**self.ended}
            for alias, rise in rises.items():
                ended[alias] = ended.get(alias, 0) + rise
            return replace(self, told=told, ended=ended, still_since=None)
        still_since = at if self.still_since is None else self.still_since
        tally = replace(self, told=told, still_since=still_since)
        in_step = at - still_since >= LATE_SECONDS and self.judged == sum(self.ended.values())
        return tally._begin_anew({}) if in_step and (self.ended or self.shown) else tally

    def show(self, containers: int, ends: Collection[int] = ()) -> "RestartTally":
        """A whole read of RUN_RESTARTED showed others than the one before.

        Args:
            containers: how many of them may be new, at the most.
            ends: the last line of each that certainly is.
        """
        if len(self.shown) >= _MOST_READS:
            return RestartTally(moment=self.moment + 1, held=self.held)
        shown, ends = (*self.shown, containers), (*self.ends, *ends)
        return replace(self, shown=shown, ends=ends, still_since=None)

    def without_lines(self, begun: "RestartTally", window: Container[int], standing: int) -> int:
        """Of how many instances the latest container may have ended without a line, at the most.

        It is one of those that have restarted, and of those whose ends were counted since; it is
        none of those whose latest container stands in the log.

        Args:
            begun: the tally when a read of RUN_RESTARTED began.
            window: its lines.
            standing: of how many containers they are, at the least.
        """
        new = sum(end in window for end in self.ends)
        return max(0, min(begun.restarted - standing, len(begun.ended) - new))

    def judge(self, begun: "RestartTally", *, empty: int) -> tuple[int, "RestartTally"]:
        """How many containers went unseen of which no read told so far.

        Args:
            begun: the tally when a read of RUN_RESTARTED began that has now been whole: by then
                each instance's latest container was over, and stood in the text.
            empty: how many containers may have ended by then without having written a line.
        """
        if begun.moment != self.moment or begun.held:
            return 0, self
        ends = begun.ended.values()
        tally = self
        unseen = sum(ends) - most_seen(ends, tally.shown) - tally.announced
        if unseen > 0 and empty:
            tally = replace(tally, shown=(*tally.shown, min(empty, unseen)))
            unseen = sum(ends) - most_seen(ends, tally.shown) - tally.announced
        unseen = max(0, unseen)
        tally = replace(tally, announced=tally.announced + unseen, judged=sum(ends))
        if ends and sum(tally.shown) == sum(ends) - tally.announced:
            later = {
                alias: count - begun.ended.get(alias, 0) for alias, count in self.ended.items()
            }
            tally = tally._begin_anew({alias: count for alias, count in later.items() if count})
        return unseen, tally

    def _begin_anew(self, ended: Mapping[str, int]) -> "RestartTally":
        """All that was seen has been counted, and the other way round."""
        return RestartTally(
            self.told, ended, counted_since=self.counted_since, moment=self.moment + 1
        )

    def to_json(self) -> dict[str, Any]:
        """As a document; ``RestartTally(**document)`` is equal to it but for the moment."""
        return {
            "told": dict(self.told),
            "ended": dict(self.ended),
            "shown": list(self.shown),
            "ends": list(self.ends),
            "announced": self.announced,
            "judged": self.judged,
            "still_since": self.still_since,
            "held": self.held,
            "counted_since": self.counted_since,
        }


def most_seen(ends: Collection[int], shown: Sequence[int]) -> int:
    """How many ends reads can have shown at the most.

    A read shows of each instance one container, so each of ``shown`` takes no more than its
    number of ends, and no two of one instance. (The theorem of Gale and Ryser.)

    Args:
        ends: how many containers of each instance ended.
        shown: how many containers each read may have shown.
    """
    narrowest = accumulate(sorted(shown), initial=0)
    return min(
        sum(min(count, len(shown) - several) for count in ends) + room
        for several, room in enumerate(narrowest)
    )
