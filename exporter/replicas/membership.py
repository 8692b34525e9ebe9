"""Which replicas are alive, judged by whether their counters move.

Only this process's monotonic clock counts. Times are those of reads: a value is known from the
moment at which the answer with it came, and it is the same until the moment at which a later read
was sent that shows it too. So a replica that was paused between two reads takes nobody for gone.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Seen:
    counter: int | None
    since: float  # monotonic seconds at which the answer with this counter came


class Membership:
    """What has been seen of each member.

    Args:
        takeover_after: seconds for which a counter stands still until its member is gone, where the
            member does not ask for more.
        asked: the seconds that a member asks for: it shows its shares for a part of them.
        settle_part: for this part of the longest such time the store must have been watched before
            shares are claimed: a replica that owns some has then renewed its claims, or lost its
            lease.
    """

    def __init__(
        self, takeover_after: float, asked: Callable[[str], float], settle_part: float
    ) -> None:
        self._takeover_after = takeover_after
        self._asked = asked
        self._settle_part = settle_part
        self._seen: dict[str, _Seen] = {}
        self._watched_since: float | None = None
        self._latest: float | None = None
        self._now = 0.0

    def observe(
        self,
        counters: Mapping[str, int],
        owners: Collection[str],
        *,
        sent: float,
        received: float,
    ) -> None:
        """Record what a read shows.

        Args:
            counters: the counter of each member.
            owners: the owners of shares; one that is no member any more is watched as well.
            sent, received: monotonic seconds before and after the read.
        """
        gap = self._settle_part * self._takeover_after
        if self._latest is not None and sent - self._latest > gap:
            self.restart()  # too long without a look
        if any(_went_back(self._seen.get(name), counter) for name, counter in counters.items()):
            self.restart()
        self._latest = received
        if self._watched_since is None:
            self._watched_since = received
        self._now = sent
        before, self._seen = self._seen, {}
        for name in {*counters, *owners}:
            seen, counter = before.get(name), counters.get(name)
            if seen is None or seen.counter != counter:
                seen = _Seen(counter, received)
            self._seen[name] = seen

    def restart(self) -> None:
        """Watch from the start: all count as alive now, and nothing is claimed for a while."""
        self._seen.clear()
        self._watched_since = self._latest = None

    @property
    def settled(self) -> bool:
        """True if the store has been watched for long enough to claim shares."""
        since = self._watched_since
        longest = max(map(self._patience, self._seen), default=self._takeover_after)
        return since is not None and self._now - since >= self._settle_part * longest

    def alive(self) -> frozenset[str]:
        """The members whose counter moved lately."""
        return frozenset(
            name
            for name, seen in self._seen.items()
            if seen.counter is not None and not self._still(name, seen)
        )

    def gone(self, name: str) -> bool:
        """Return True if a member or owner has not moved for as long as it takes."""
        seen = self._seen.get(name)
        return seen is not None and self._still(name, seen)

    def long_gone(self, factor: float) -> list[tuple[str, int]]:
        """The members, with their counters, that have been still ``factor`` times as long."""
        return [
            (name, seen.counter)
            for name, seen in self._seen.items()
            if seen.counter is not None and self._still(name, seen, factor)
        ]

    def _still(self, name: str, seen: _Seen, factor: float = 1.0) -> bool:
        return self._now - seen.since >= factor * self._patience(name)

    def _patience(self, name: str) -> float:
        return max(self._takeover_after, self._asked(name))


def _went_back(seen: _Seen | None, counter: int) -> bool:
    return seen is not None and seen.counter is not None and counter < seen.counter
