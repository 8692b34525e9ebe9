"""Chooses between polling and following, for an account whose ``logs.mode`` is ``auto``.

Logs are polled at first. Polls open WebSockets too, so they show whether the log hosts accept them;
only where every host does are the logs followed. Where streams are refused, or do not last, the
logs are polled again, and following is tried after a wait that doubles.
"""

from collections.abc import Callable
from dataclasses import dataclass

from exporter.config.reading import LogMode

FIRST_WAIT = 600.0
"""Seconds until following is tried again after it failed."""

LONGEST_WAIT = 6 * 3600.0

GOOD_SECONDS = 3600.0
"""Following that lasted so long was no failure: the next wait is the first one again."""

REFUSED_SECONDS = 60.0
"""Seconds that following must fail before it is given up: one handshake proves nothing."""

MOST_SHORT = 0.5
"""The share of the logs whose streams may end early; with more of them polls cost less."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What an account has seen of live logs.

    Args:
        waiting: logs that have not been read for the first time.
        accepting: log hosts that accept WebSockets.
        refusing: log hosts that refused one lately.
        followed: logs that are followed.
        refused: those of them that no stream can be opened for.
        short: those of them whose latest stream ended sooner than a poll would have come.
    """

    waiting: int = 0
    accepting: int = 0
    refusing: int = 0
    followed: int = 0
    refused: int = 0
    short: int = 0


class ModeChoice:
    """The mode in force.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._wait = FIRST_WAIT
        self._not_before = float("-inf")
        self._since = self._worked_at = clock()
        self.mode = LogMode.POLL

    def review(self, seen: Observation) -> bool:
        """Choose by what was seen.

        Returns:
            True if the mode has changed.
        """
        follows = self.mode is LogMode.FOLLOW
        if follows == self._should_follow(seen):
            return False
        now = self._clock()
        if follows:
            if now - self._since > GOOD_SECONDS:
                self._wait = FIRST_WAIT
            self._not_before = now + self._wait
            self._wait = min(2 * self._wait, LONGEST_WAIT)
        self.mode = LogMode.POLL if follows else LogMode.FOLLOW
        self._since = self._worked_at = now
        return True

    def _should_follow(self, seen: Observation) -> bool:
        if self.mode is LogMode.FOLLOW:
            if not seen.refused and seen.short <= MOST_SHORT * seen.followed:
                self._worked_at = self._clock()
            return self._clock() - self._worked_at < REFUSED_SECONDS
        proven = seen.accepting > 0 and not seen.refusing and not seen.waiting
        return proven and self._clock() >= self._not_before
