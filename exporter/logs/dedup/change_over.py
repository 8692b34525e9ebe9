"""Which lines count where one component is received and, for a time, polled instead.

A pushed line and a polled one are the same line if their messages are equal, copy for copy: their
times cannot be compared, since a sender may round them. The messages that were counted last on
either side are remembered, so that a line that comes both ways counts once.
"""

from array import array
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import xxhash

from exporter.logs.dedup.overlap import overlap

REMEMBERED = 20_000
"""So many messages of each side are known: those counted last."""

OVERLAP_SECONDS = 600.0
"""For so long after pushes have come back they may hold lines that were polled meanwhile."""

KEPT = 1024
"""So many of those received last are kept in the state: as many as a poll shows by default."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What counts of the lines of one poll.

    Args:
        fresh: the positions of the lines that count.
        gap: lines may be missing: nothing that was polled is known to have been received.
    """

    fresh: Sequence[int]
    gap: bool = False


class CountedMessages:
    """The messages that were counted last, as a multiset; each copy is found once.

    Most are never looked for, so copies are counted when the first one is.
    """

    def __init__(self, messages: Iterable[int] = ()) -> None:
        self._order: deque[int] = deque(maxlen=REMEMBERED)
        self._copies: Counter[int] | None = None
        self._found: Counter[int] = Counter()  # still in the order, but found since
        self.add(list(messages))

    def __bool__(self) -> bool:
        return bool(self._order)

    def add(self, messages: Sequence[int]) -> None:
        """Remember more; the oldest are dropped where there are too many."""
        if self._copies is not None:
            gone = max(0, len(self._order) + len(messages) - REMEMBERED)
            self._copies.update(messages)
            for message in islice(chain(self._order, messages), gone):
                _decrement(self._found if self._found[message] else self._copies, message)
        self._order.extend(messages)

    def find(self, message: int) -> bool:
        """Whether there is a copy of a message that was not found before."""
        if self._copies is None:
            self._copies = Counter(self._order)
        if not self._copies[message]:
            return False
        _decrement(self._copies, message)
        self._found[message] += 1
        return True

    def latest(self, count: int) -> list[int]:
        """Those counted last, in order, whether they were found or not."""
        return list(islice(reversed(self._order), count))[::-1]


class ChangeOver:
    """Judges the lines of one component, pushed and polled.

    Args:
        received: hashes of the messages that were received last, as ``kept`` gave them.
    """

    def __init__(self, received: bytes = b"") -> None:
        hashes = array("Q", received) if received else ()
        self._received = CountedMessages(hashes)
        self._polled = CountedMessages()
        self._first_poll = False
        self._came_back_at: float | None = None
        self.polled = False
        """Whether it is polled instead of being received."""

    def fall_back(self) -> None:
        """Nothing comes any more: the log is polled from now on."""
        self.polled = self._first_poll = True
        self._came_back_at = None

    def come_back(self, now: float) -> None:
        """Lines are pushed again: the log is not polled any more; ``now``: monotonic seconds."""
        self.polled = self._first_poll = False
        self._came_back_at = now

    def judge_received(self, messages: Sequence[bytes], now: float) -> Sequence[int]:
        """The positions of pushed lines that count: those that no poll has counted.

        Args:
            now: monotonic seconds.
        """
        if self._came_back_at is not None and now - self._came_back_at > OVERLAP_SECONDS:
            self._polled, self._came_back_at = CountedMessages(), None
        hashes = list(map(xxhash.xxh3_64_intdigest, messages))
        fresh: Sequence[int] = range(len(hashes))
        if self._polled:
            fresh = [index for index in fresh if not self._polled.find(hashes[index])]
        self._received.add(hashes)
        return fresh

    def judge_polled(self, messages: Sequence[bytes]) -> Judged:
        """What counts of lines that a poll takes for new.

        The first poll shows lines from before the change as well. All up to the newest line that
        was received count no more; where none of them was, nothing of it counts.
        """
        hashes = list(map(xxhash.xxh3_64_intdigest, messages))
        first, self._first_poll = self._first_poll and bool(hashes), False
        if first and self._received:
            judged = self._after_the_newest_received(hashes)
            self._received = CountedMessages()  # an equal message from now on is another line
        else:
            fresh = [index for index, value in enumerate(hashes) if not self._received.find(value)]
            judged = Judged(fresh)
        self._polled.add([hashes[index] for index in judged.fresh])
        return judged

    def _after_the_newest_received(self, hashes: Sequence[int]) -> Judged:
        known = overlap(self._received.latest(len(hashes)), hashes)
        if not known:
            # Lines of several instances come in another order than they are shown in.
            found = [index for index, value in enumerate(hashes) if self._received.find(value)]
            known = found[-1] + 1 if found else 0
        return Judged(range(known, len(hashes))) if known else Judged((), gap=True)

    def kept(self) -> bytes:
        """Hashes of the messages that were received last."""
        return array("Q", self._received.latest(KEPT)).tobytes()


def _decrement(counts: Counter[int], message: int) -> None:
    counts[message] -= 1
    if not counts[message]:
        del counts[message]
