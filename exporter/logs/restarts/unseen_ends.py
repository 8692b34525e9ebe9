"""Containers that ended unseen: the platform's counts report them, and so does what left RUN."""

from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass, field, replace

from exporter.logs.restarts.restart_tally import RestartTally


@dataclass(frozen=True, slots=True)
class UnseenEnds:
    """The platform's restart counts beside what a log's windows report: each loss is one gap.

    Args:
        tally: the counts, compared with what RUN_RESTARTED showed.
        loss_told: lines that left RUN reported a gap, so that the counts may report it again.
        unseen_told: the counts reported a gap, so that RUN may report it again.
    """

    tally: RestartTally = field(default_factory=RestartTally)
    loss_told: bool = False
    unseen_told: bool = False

    def count(self, counts: Mapping[str, int], at: float) -> "UnseenEnds":
        """Take in the platform's count of each instance, as of a time (Unix seconds)."""
        return self._with(self.tally.count(counts, at))

    def judge(
        self,
        before: RestartTally,
        window: Container[int],
        *,
        standing: int,
        shown: int,
        ends: Collection[int] = (),
    ) -> tuple[int, "UnseenEnds"]:
        """How many containers ended unseen, by a whole window of RUN_RESTARTED.

        One that ended without having written a line leaves a window as it was.

        Args:
            before: the tally when the read of it began.
            window: its lines.
            standing: of how many containers they are, at the least.
            shown: how many ends it may have newly shown, at the most.
            ends: the last line of each container that it certainly has newly shown.
        """
        tally = self.tally.show(shown, ends) if shown else self.tally
        empty = 0 if shown else tally.without_lines(before, window, standing)
        unseen, tally = tally.judge(before, empty=empty)
        after = self._with(tally)
        # What is found now can be what was told before, though the counts are in step with it.
        return unseen, replace(after, loss_told=self.loss_told) if unseen else after

    def tell(self, lost: bool, unseen: bool) -> tuple[bool, "UnseenEnds"]:
        """Whether a gap that is known now was counted before, by the other way of knowing.

        Args:
            lost: what left RUN reports it.
            unseen: the counts report it.
        """
        told = (unseen and self.loss_told) or (lost and self.unseen_told)
        return told, replace(
            self,
            loss_told=lost and not unseen and not told,
            unseen_told=unseen and not lost and not told,
        )

    def run_read(self, *, vanished: bool) -> "UnseenEnds":
        """RUN was read whole: where nothing left it, it will not report what the counts did."""
        return replace(self, unseen_told=self.unseen_told and vanished)

    def _with(self, tally: RestartTally) -> "UnseenEnds":
        same_moment = tally.moment == self.tally.moment
        return replace(self, tally=tally, loss_told=self.loss_told and same_moment)
